import { parseTemplate, type Template } from "./attribute-template.ts";
import { readBaggage } from "./baggage.ts";
import type { Origin } from "./config/config.ts";
import type { MqttMessage } from "./message.ts";
import type { AddedAttribute } from "./payload/format.ts";

/** What an origin adds to the items of a message; undefined: nothing. Pure. */
export type OriginAttributes = (message: MqttMessage) => readonly AddedAttribute[] | undefined;

/**
 * How an origin's settings make attributes of a message: its templates, then its allowed baggage. A template that
 * resolves to nothing leaves its attribute to the baggage of that key. Undefined when it has no such settings.
 *
 * Errors: Error when a template cannot be read.
 */
export function createOriginAttributes({
  name,
  attributes,
  attributeValuesMax: valuesMax,
  baggage,
}: Origin): OriginAttributes | undefined {
  const templates = Object.entries(attributes).map(([key, text]): [string, Template] => {
    const template = parseTemplate(text);
    if ("fault" in template)
      throw new Error(`Cannot read attribute ${key} of source ${name}: ${template.fault}`);
    return [key, template];
  });
  const rules = new Map(Object.entries(attributes));
  const baggageKeys = new Set(baggage);
  if (templates.length === 0 && baggageKeys.size === 0) return undefined;

  return (message) => {
    const added: AddedAttribute[] = [];
    for (const [key, template] of templates) {
      const value = template.resolve(message);
      if (value !== undefined)
        added.push({ key, value, ...(!template.isStatic && { valuesMax, rule: rules.get(key) }) });
    }
    if (baggageKeys.size > 0) {
      for (const [key, value] of readBaggage(message.userProperties, baggageKeys)) {
        if (!added.some((attribute) => attribute.key === key))
          added.push({ key, value, valuesMax, rule: rules.get(key) });
      }
    }
    return added.length === 0 ? undefined : added;
  };
}
