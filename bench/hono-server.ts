/** What Hono and its server for Node cost by themselves: the bare server's work in a handler. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { tell } from "./child.ts";

const app = new Hono();
app.post("/webhooks/:source", async (c) => {
  JSON.parse(Buffer.from(await c.req.raw.arrayBuffer()).toString());
  return c.body(null, 204);
});
const server = createAdaptorServer({ fetch: app.fetch }) as Server;
server.listen(0, "127.0.0.1", () => tell({ port: (server.address() as AddressInfo).port }));
