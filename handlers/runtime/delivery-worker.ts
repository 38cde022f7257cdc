/** The thread that delivers: reads through a connection of its own, writes through the store's writer thread. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../../pipeline/clock.ts";
import type { Logger } from "../../pipeline/logger.ts";
import { connectStore } from "../../pipeline/store/thread.ts";
import { assembleDelivery } from "./delivery.ts";
import type { DeliveryCall, DeliveryStart, FromDelivery, ToDelivery } from "./delivery-protocol.ts";
import { yieldToIngest } from "./niceness.ts";
import { createSecrets } from "./secrets.ts";

async function main(parent: MessagePort, { config, environment, port }: DeliveryStart): Promise<void> {
  yieldToIngest();
  const store = await connectStore(port);
  const delivery = assembleDelivery({
    config,
    store,
    secrets: createSecrets({ clock: systemClock, environment }).open,
    clock: systemClock,
    logger: crossingLogger(parent),
    onExport: (observation) => post(parent, { kind: "export", observation }),
    onSettled:
      config.acknowledge === "delivered"
        ? (lane, lastId) => post(parent, { kind: "settled", lane, lastId })
        : undefined,
  });

  async function answer(call: DeliveryCall): Promise<unknown> {
    switch (call.method) {
      case "run":
        return delivery.run();
      case "flush":
        return delivery.flush(call.options);
      case "health":
        return delivery.lanes.map((lane) => ({ lane: lane.name, health: lane.health() }));
      case "credentials":
        return delivery.credentials();
      case "stop":
        await delivery.stop(call.options);
        await delivery.close();
        return store.close();
    }
  }

  parent.on("message", async (message: ToDelivery) => {
    if (message.kind === "wake") delivery.wake(message.appended);
    else post(parent, { kind: "reply", id: message.id, value: await answer(message) });
  });
}

function crossingLogger(parent: MessagePort): Logger {
  const at =
    (level: keyof Logger) =>
    (fields: Record<string, unknown>, message: string): void =>
      post(parent, { kind: "log", level, fields, message });
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function post(port: MessagePort, message: FromDelivery): void {
  port.postMessage(message);
}

if (parentPort !== null) await main(parentPort, workerData);
