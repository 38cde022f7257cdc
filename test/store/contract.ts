import { afterEach, beforeEach, describe } from "vitest";
import { appendingContract } from "./contract/appending.ts";
import { deadLettersContract } from "./contract/dead-letters.ts";
import { dedupeContract } from "./contract/dedupe.ts";
import { emptyBatchContract } from "./contract/empty-batch.ts";
import { laneStateContract } from "./contract/lane-state.ts";
import { lanesContract } from "./contract/lanes.ts";
import { quotaContract } from "./contract/quota.ts";
import { reopeningContract } from "./contract/reopening.ts";
import { settlingContract } from "./contract/settling.ts";
import { createSubject, type StoreHarness } from "./contract/subject.ts";

/** What every implementation of BatchStore promises. */
export function storeContract(name: string, harness: StoreHarness) {
  describe(`${name} store`, () => {
    const subject = createSubject(harness);

    beforeEach(() => subject.open());

    afterEach(() => subject.store.close());

    appendingContract(subject);
    dedupeContract(subject);
    lanesContract(subject);
    settlingContract(subject);
    emptyBatchContract(subject);
    laneStateContract(subject);
    deadLettersContract(subject);
    quotaContract(subject);
    reopeningContract(subject);
  });
}
