import { LastValues, lastValuesBytesMax } from "../../pipeline/last-values.ts";
import type { Logger } from "../../pipeline/logger.ts";
import type { BatchStore, StoreOptions } from "../../pipeline/store/batch-store.ts";

/** What they take of the store's quota. On its pages a value takes up to four times the bytes of its texts. */
const share = 1 / 40;

/** The last values as the store remembers them; undefined: no rule wants any. What is not remembered is logged once a rule. */
export async function openLastValues(
  store: Pick<BatchStore, "lastValues">,
  { rememberedInputs = [], bytesMax }: Pick<StoreOptions, "rememberedInputs" | "bytesMax">,
  logger: Logger,
): Promise<LastValues | undefined> {
  if (rememberedInputs.length === 0) return undefined;
  const logged = new Set<string>();
  return new LastValues({
    stored: await store.lastValues(),
    bytesMax: Math.min(lastValuesBytesMax, Math.floor(bytesMax * share)),
    onForgotten(rule, reason) {
      if (logged.has(rule)) return;
      logged.add(rule);
      logger.warn(
        { rule, reason },
        "Nothing stands in for some values that are missing: there is too much to remember",
      );
    },
  });
}
