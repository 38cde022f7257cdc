/** The part of `GET /status` that the demo shows. */
export interface Status {
  received: number;
  accepted: number;
  duplicates: number;
  expiredOnArrival: number;
  filtered: number;
  deadLetteredOnArrival: number;
  destinations: Record<string, Record<string, LaneStatus>>;
}

interface LaneStatus {
  owed: number;
  delivered: number;
  expiredInStore: number;
  deadLettered: number;
  pending: number;
  exportedItems: number;
}

export function lanes(status: Status): { name: string; lane: LaneStatus }[] {
  return Object.entries(status.destinations).flatMap(([destination, signals]) =>
    Object.entries(signals).map(([signal, lane]) => ({ name: `${destination} ${signal}`, lane })),
  );
}

/** The ledger's two equations, with their numbers. */
export function describeLedger(status: Status): string[] {
  const { received, accepted, duplicates, expiredOnArrival, filtered, deadLetteredOnArrival } = status;
  return [
    `received ${received} = accepted ${accepted} + duplicates ${duplicates} + expired ${expiredOnArrival} + filtered ${filtered} + dead letters ${deadLetteredOnArrival}`,
    ...lanes(status).map(
      ({ name, lane }) =>
        `${name}: owed ${lane.owed} = delivered ${lane.delivered} + expired ${lane.expiredInStore} + dead letters ${lane.deadLettered} + pending ${lane.pending}`,
    ),
  ];
}
