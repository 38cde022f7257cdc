/** What a document may be in Azure IoT Operations, or of our own one day, and cannot be here. */
import { endpointTypes } from "./kinds/endpoint.ts";
import { notSupportedYet } from "./messages.ts";

const settings = "what a gateway sends where is said in its destinations (sources, topicFilters, signals)";

/** Kinds, with what an operator should know. */
export const laterKinds: Readonly<Record<string, string>> = {
  Broker: notSupportedYet("Broker"),
  BrokerAuthentication: notSupportedYet("BrokerAuthentication"),
  BrokerAuthorization: notSupportedYet("BrokerAuthorization"),
  BrokerListener: notSupportedYet("BrokerListener"),
  Dataflow: `${notSupportedYet("Dataflow")}, and in Azure IoT Operations none leads to OpenTelemetry; ${settings}`,
  DataflowProfile: notSupportedYet("DataflowProfile"),
  RegistryEndpoint: notSupportedYet("RegistryEndpoint"),
};

/** Endpoint types of Azure IoT Operations other than those with a use here, with what an operator should know. */
export const laterEndpointTypes: Readonly<Record<string, string>> = Object.fromEntries(
  ["DataExplorer", "DataLakeStorage", "FabricOneLake", "Kafka", "LocalStorage"].map((type) => [
    type,
    `${notSupportedYet(`Endpoint type ${type}`)}; wanted ${endpointTypes.join(" or ")}, leave this document out`,
  ]),
);
