import { describe, expect, it } from "vitest";
import { parseTemplate } from "../../pipeline/attribute-template.ts";
import type { MqttMessage } from "../../pipeline/message.ts";

const message: MqttMessage = {
  source: "devices",
  topic: "plant/line 1//état",
  payload: new Uint8Array(),
  clientId: "t-1",
  messageId: "01J",
  userProperties: [
    ["site", "north"],
    ["a.b", "dotted"],
    ["empty", ""],
    ["site", "south"],
  ],
};

function resolve(text: string, more: Partial<MqttMessage> = {}): string | undefined {
  const template = parseTemplate(text);
  if ("fault" in template) throw new Error(template.fault);
  return template.resolve({ ...message, ...more });
}

describe("parseTemplate()", () => {
  it.each([
    ["plant", "plant"],
    ["$5 and {braces} $", "$5 and {braces} $"],
    [`$\${clientId}}`, "$t-1}"],
    [`\${topic}`, "plant/line 1//état"],
    [`\${topic.1}`, "plant"],
    [`\${topic.2}`, "line 1"],
    [`\${topic.4}`, "état"],
    [`\${clientId}`, "t-1"],
    [`\${messageId}`, "01J"],
    [`\${userProperty.a.b}`, "dotted"],
    [`\${topic.1}/\${clientId}: \${userProperty.a.b}\${clientId}`, "plant/t-1: dottedt-1"],
  ])("resolves %s", (text, value) => {
    expect(resolve(text)).toBe(value);
  });

  it("takes the last User Property of a name", () => {
    expect(resolve(`\${userProperty.site}`)).toBe("south");
  });

  it.each(["", `\${topic.5}`, `\${topic.99999}`, `\${userProperty.other}`, `\${userProperty.Site}`])(
    "resolves %j to nothing",
    (text) => {
      expect(resolve(text)).toBeUndefined();
    },
  );

  it.each([`\${topic.3}`, `\${userProperty.empty}`, `level \${topic.3}`])(
    "takes an empty value for none: %s",
    (text) => {
      expect(resolve(text)).toBeUndefined();
    },
  );

  it("resolves to nothing when one of several placeholders has no value", () => {
    const nobody = { clientId: undefined, messageId: undefined };
    expect(resolve(`id \${clientId}`, nobody)).toBeUndefined();
    expect(resolve(`\${topic.1} \${messageId}`, nobody)).toBeUndefined();
  });

  it("never reads a value as a template", () => {
    expect(resolve(`\${clientId}`, { clientId: `\${topic}` })).toBe(`\${topic}`);
  });

  it("tells what varies from what does not", () => {
    expect(parseTemplate("line 7")).toMatchObject({ isStatic: true });
    expect(parseTemplate(`line \${topic.1}`)).toMatchObject({ isStatic: false });
  });

  it.each([
    [`\${}`, `\${}`],
    [`\${key}`, `\${key}`],
    [`at \${topic.0}`, `\${topic.0}`],
    [`\${topic.-1}`, `\${topic.-1}`],
    [`\${topic.1.2}`, `\${topic.1.2}`],
    [`\${topic.}`, `\${topic.}`],
    [`\${ topic }`, `\${ topic }`],
    [`\${clientID}`, `\${clientID}`],
    [`\${userProperty}`, `\${userProperty}`],
    [`\${userProperty.}`, `\${userProperty.}`],
    [`\${topic`, `\${topic`],
    [`\${topic} \${`, `\${`],
    [`\${\${topic}}`, `\${\${topic}`],
  ])("finds the fault in %s", (text, met) => {
    const fault = `Wanted \${topic}, \${topic.N} from 1, \${clientId}, \${messageId} or \${userProperty.NAME}, met `;
    expect(parseTemplate(text)).toEqual({ fault: fault + met });
  });
});
