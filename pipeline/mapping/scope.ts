import type { Root } from "../expression/resolve.ts";
import type { MqttMessage } from "../message.ts";
import type { Reading } from "../payload/reading.ts";
import type { TextAllowance } from "./text-allowance.ts";

/** What a rule sees of a message. */
export interface Scope {
  /** The mapping, such as "Mapping thermostat". */
  rule: string;
  message: MqttMessage;
  reading: Reading;
  texts: TextAllowance;
  /** What the mapping itself says of the time of its items; undefined: the arrival counts. */
  time(): bigint | undefined | Missing;
  /** The whole payload. */
  whole: Root;
  /** Its place in the payload, for refusals: "data" in a CloudEvent, else "". */
  base: string;
  /** Where the paths of the rule start: the whole payload, or the member that it is applied to. */
  here: Root;
  /** Its place in the payload; "" is all of it. */
  at: string;
  /** The name or index of the member. */
  key: string | undefined;
  /** The path whose asterisk stands for the member; undefined: the rule is applied to the whole payload. */
  each: string | undefined;
  /** The names that the asterisk stands for. */
  captured: readonly string[];
}

/** What a path names is not there, or null. */
export class Missing {
  /** In the payload. */
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }
}
