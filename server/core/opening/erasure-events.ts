// What the log says of an erasure: the proposal in clear but for its reason, and the entry that accounts for what is gone.
import * as Type from 'typebox';
import { ERASURE_BASES } from './erasure-bases.ts';
import { person, toOversight } from './field-rules.ts';

const strict = { additionalProperties: false } as const;
const what = {
  number: Type.Integer({ minimum: 1 }),
  /** The entry and its withheld field. */
  seq: Type.Integer({ minimum: 0 }),
  field: Type.String({ minLength: 1, maxLength: 40 }),
  basis: Type.Enum(ERASURE_BASES),
  by: Type.Union([Type.Literal('witness'), Type.Literal('supervisor')]),
};

export const ERASURE_EVENTS = {
  ErasureProposed: { body: Type.Object(what, strict), withheld: { ...person, reason: toOversight } },
  /** Named and shaped as core/log/verify.ts reads it; `by` is the second of the two. */
  Erased: { body: Type.Object(what, strict), withheld: person },
} as const;

/** An erasure as it stands on the log. */
export type StandingErasure = Type.Static<(typeof ERASURE_EVENTS)['ErasureProposed']['body']> & {
  readonly done: boolean;
};
