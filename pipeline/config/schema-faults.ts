import type * as z from "zod";
import type { Path } from "./documents.ts";
import { messageOf } from "./messages.ts";

/** What is wrong with a value, and where in it. */
export interface Fault {
  path: Path;
  message: string;
}

/** A value as its schema has it, or everything that is wrong with it. */
export function readBySchema<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
): { value: z.output<Schema> } | { faults: Fault[] } {
  const result = schema.safeParse(value, { error: messageOf, reportInput: true });
  if (result.success) return { value: result.data };
  const faults = result.error.issues.flatMap((issue): Fault[] => {
    if (issue.code !== "unrecognized_keys") return [{ path: issue.path, message: issue.message }];
    const messages = issue.message.split("\n");
    return issue.keys.map((key, index) => ({
      path: [...issue.path, key],
      message: messages[index] ?? "Unknown field",
    }));
  });
  return { faults };
}
