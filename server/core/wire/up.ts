// What a viewer says on a live socket: it only listens, so nothing but a ping for the clock.
import * as Type from 'typebox';

export const PingSchema = Type.Object(
  { v: Type.Literal(1), kind: Type.Literal('ping'), ping: Type.Integer({ minimum: 0 }) },
  { additionalProperties: false },
);
export const UpSchema = PingSchema;
export type Up = Type.Static<typeof UpSchema>;

/** The longest message a viewer may send, bytes. */
export const UP_LIMIT_BYTES = 1_024;
