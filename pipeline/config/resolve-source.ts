/** One source, completed to plain values. */
import { sourceIdentity } from "./adapters.ts";
import type { AdapterName, Origin, SourceAuthentication, SourceConfig } from "./config.ts";
import { type Source, source } from "./kinds/source.ts";
import { milliseconds } from "./units.ts";

/** A secret as it is, but for its path, which starts at the file that holds it. */
export type Locate = <Value>(value: Value) => Value;

/** What there is when no document names sources. Only loopback gets this far. */
export function openSource(adapter: AdapterName): SourceConfig {
  return resolveSource(source.parse({ adapter, authentication: { method: "None" } }), (value) => value);
}

export function resolveSource(written: Source, locate: Locate): SourceConfig {
  const { name, adapter } = sourceIdentity({ name: written.name, adapter: written.adapter });
  return {
    ...resolveOrigin({ ...written, name }),
    adapter,
    authentication: written.authentication && resolveAuthentication(written.authentication, locate),
    payloadEncoding: written.payloadEncoding,
    fields: written.fields,
    allowedOrigins: written.allowedOrigins,
    confirmationHosts: written.confirmationHosts,
    retryStatus: written.retryStatus,
  };
}

/** What sources and bridges have alike, of all that is written. */
export function resolveOrigin(written: Origin): Origin {
  const { name, topicFilters, lenient, counterValues, attributes, attributeValuesMax, baggage } = written;
  return { name, topicFilters, lenient, counterValues, attributes, attributeValuesMax, baggage };
}

function resolveAuthentication(
  written: NonNullable<Source["authentication"]>,
  locate: Locate,
): SourceAuthentication {
  switch (written.method) {
    case "Bearer":
      return { ...written, token: locate(written.token) };
    case "Basic":
      return { ...written, password: locate(written.password) };
    case "UrlSecret":
      return { ...written, secret: locate(written.secret) };
    case "HmacSha256": {
      const { method, key, header, timestamp } = written;
      return {
        method,
        key: locate(key),
        header,
        timestamp: timestamp && {
          header: timestamp.header,
          toleranceMs: milliseconds(timestamp.toleranceSeconds),
        },
      };
    }
    default:
      return written;
  }
}
