import { openMemoryStore } from "../../pipeline/store/memory.ts";
import { roomy } from "./arrivals.ts";
import { storeContract } from "./contract.ts";

storeContract("memory", { open: async (options) => openMemoryStore({ ...roomy, ...options }) });
