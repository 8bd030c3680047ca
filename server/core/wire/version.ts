// The version of the wire and its history; a test hashes the schemas of up and down and asks for a new version when they change.

/** The subprotocol a client offers beside its ticket: `kaibiao.v1, ticket.<base64url>`. */
export const SUBPROTOCOL = 'kaibiao.v1';
export const WIRE_VERSION = 1;

/** One line for each version: what changed, and the hash of the schemas' canonical JSON (base64url SHA-256). */
export const WIRE_HISTORY: readonly {
  readonly version: number;
  readonly change: string;
  readonly schemasSha256: string;
}[] = [
  {
    version: 1,
    change: 'entries, own, pulse, pong, resync; ping',
    schemasSha256: 'KnjTaFaQZ2yKUda1dJ-tebxWSLK1dYl9m3zffOAeKug',
  },
];
