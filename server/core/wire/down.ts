// What the server says on a live socket: frames of committed entries, a viewer's own disclosures, and honest notices.
import * as Type from 'typebox';

const strict = { additionalProperties: false } as const;
/** Why: Type.Record makes the same, and brings the whole of typebox's type engine into the pages for it. */
const Seqs = Type.Unsafe<Record<string, string[]>>({
  type: 'object',
  patternProperties: { '^[0-9]{1,15}$': Type.Array(Type.String()) },
  ...strict,
});

/**
 * Entries as they stand on the log, in order and without a gap, with what this room may see of them.
 *
 * Shape: `entries` the exact leaf texts; `disclosures` by seq, also of earlier entries that an event released;
 *        `checkpoint` the signed note they are proven by; `now` the server's clock, integer ms.
 */
export const FrameSchema = Type.Object(
  {
    v: Type.Literal(1),
    kind: Type.Literal('entries'),
    entries: Type.Array(Type.String()),
    disclosures: Seqs,
    checkpoint: Type.String(),
    now: Type.Integer(),
  },
  strict,
);
/** What only this viewer may see of entries sent before: its own acts, evidence and reasons. */
export const OwnSchema = Type.Object({ v: Type.Literal(1), kind: Type.Literal('own'), disclosures: Seqs }, strict);
/** The server's clock and how many look on; sent as a heartbeat. Presence is no truth and never on the log. */
export const PulseSchema = Type.Object(
  {
    v: Type.Literal(1),
    kind: Type.Literal('pulse'),
    now: Type.Integer(),
    viewers: Type.Integer({ minimum: 0 }),
    size: Type.Integer({ minimum: 0 }),
  },
  strict,
);
/** Answer to a ping: the server's clock, for the offset of the viewer's. */
export const PongSchema = Type.Object(
  { v: Type.Literal(1), kind: Type.Literal('pong'), ping: Type.Integer(), now: Type.Integer() },
  strict,
);
/** The viewer asked for entries after a seq this log has not reached: start again from `after`. */
export const ResyncSchema = Type.Object(
  { v: Type.Literal(1), kind: Type.Literal('resync'), after: Type.Integer({ minimum: -1 }) },
  strict,
);

export const DownSchema = Type.Union([FrameSchema, OwnSchema, PulseSchema, PongSchema, ResyncSchema]);
export type Frame = Type.Static<typeof FrameSchema>;
export type Own = Type.Static<typeof OwnSchema>;
export type Down = Type.Static<typeof DownSchema>;

/** Why the server ends a socket: WebSocket close code and reason, a closed set. */
export const CLOSE_REASONS = {
  server_stopping: 1001,
  bad_message: 1008,
  too_many_messages: 4003,
  outbox_full: 4008,
  heartbeat_missed: 4009,
  ticket_expired: 4010,
  seat_taken: 4011,
  log_read_only: 4012,
  server_fault: 1011,
} as const;
export type CloseReason = keyof typeof CLOSE_REASONS;
