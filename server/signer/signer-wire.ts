/** What a server and its signer say to each other over a socket: one JSON text a line, a question with a number and the answer with the same. */
import * as Type from 'typebox';
import { checkCompiled } from '../compiled-check.ts';
import { fromBase64, toBase64 } from '../core/log/base64.ts';
import type { Json } from '../core/log/canonical.ts';
import { KeyAnnouncementSchema } from '../core/log/ledger-events.ts';
import type { GuardedHead } from '../recorder/guard-journal.ts';

/** A question: a receipt is the longest, and has a fraction of this. */
export const QUESTION_LIMIT_BYTES = 65_536;
/** Heads of one log that are forgotten at once: one round notes one, and what is noted is settled before the next. */
export const DROP_LIMIT = 256;
/** An answer: that to `open` has every log, some hundred bytes each. */
export const ANSWER_LIMIT_BYTES = 268_435_456;

const strict = { additionalProperties: false } as const;
const id = Type.Integer({ minimum: 0 });
const Origin = Type.String({ minLength: 1, maxLength: 400 });
const Hash = Type.String({ pattern: '^[A-Za-z0-9+/]{43}=$' });
const Size = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Kind = Type.Enum(['opening', 'ledger', 'access'] as const);
const HeadSchema = Type.Object({ size: Size, root: Hash }, strict);
export type WireHead = Type.Static<typeof HeadSchema>;

const Question = Type.Union([
  /** Whose signer it is, which keys it has, and the last term it served. */
  Type.Object({ id, ask: Type.Literal('hello') }, strict),
  /** Begins a term: only this connection asks about heads from here on. */
  Type.Object(
    {
      id,
      ask: Type.Literal('open'),
      // What of these is no term of an election, the guard says by its name.
      term: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
      database: Type.String({ pattern: '^[0-9a-z-]{1,100}$' }),
    },
    strict,
  ),
  Type.Object(
    {
      id,
      ask: Type.Literal('pend'),
      origin: Origin,
      kind: Kind,
      size: Size,
      root: Hash,
      after: HeadSchema,
      proof: Type.Array(Hash, { maxItems: 63 }),
    },
    strict,
  ),
  Type.Object({ id, ask: Type.Literal('release'), origin: Origin, size: Size, root: Hash }, strict),
  Type.Object(
    { id, ask: Type.Literal('drop'), origin: Origin, heads: Type.Array(HeadSchema, { maxItems: DROP_LIMIT }) },
    strict,
  ),
  Type.Object({ id, ask: Type.Literal('receipt'), typ: Type.String(), payload: Type.Unknown() }, strict),
  Type.Object({ id, ask: Type.Literal('token'), payload: Type.Unknown() }, strict),
  Type.Object({ id, ask: Type.Literal('manifest'), text: Type.String() }, strict),
  Type.Object({ id, ask: Type.Literal('record'), text: Type.String() }, strict),
]);
export type Question = Type.Static<typeof Question>;
type WithoutId<Asked> = Asked extends unknown ? Omit<Asked, 'id'> : never;
export type Asked = WithoutId<Question>;

const Answer = Type.Union([
  Type.Object({ id, done: Type.Unknown() }, strict),
  /** `name` is the class of the error, `code` its stable code; origin and size where it is about a head. */
  Type.Object(
    {
      id,
      failed: Type.Object(
        {
          name: Type.String(),
          code: Type.String(),
          message: Type.String(),
          origin: Type.Optional(Type.String()),
          size: Type.Optional(Size),
        },
        strict,
      ),
    },
    strict,
  ),
]);
export type Answer = Type.Static<typeof Answer>;

/** What `open` answers of each log. */
export const LogStanding = Type.Object(
  {
    origin: Origin,
    /** The note is null where the key has not signed what was let out. */
    released: Type.Union([
      Type.Object({ size: Size, root: Hash, note: Type.Union([Type.String(), Type.Null()]) }, strict),
      Type.Null(),
    ]),
    pending: Type.Array(HeadSchema),
  },
  strict,
);
export const Opened = Type.Array(LogStanding);
export const Hello = Type.Object(
  {
    platform: Type.String(),
    publicKeys: Type.Object({ openings: Hash, ledger: Hash, receipts: Hash }, strict),
    lastTerm: Size,
    /** Made by `kaibiao keys next` and by nobody who asks: a server cannot have a key of its own announced. */
    announcements: Type.Array(KeyAnnouncementSchema),
    /** Openings that began under an earlier key. */
    earlier: Type.Array(Type.Object({ publicKey: Hash, logs: Type.Array(Origin) }, strict)),
  },
  strict,
);
export const Released = Type.Union([Type.Object({ size: Size, root: Hash, note: Type.String() }, strict), Type.Null()]);

/** A line that is none of ours; the connection is given up. */
export class SignerWireError extends Error {
  readonly code = 'signer_wire_malformed';
  constructor(message: string) {
    super(message);
    this.name = 'SignerWireError';
  }
}

function read(schema: Type.TSchema, line: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new SignerWireError('a line is not JSON');
  }
  if (!checkCompiled(schema, value)) throw new SignerWireError('a line says nothing that is asked or answered here');
  return value;
}

/** Throws: SignerWireError. */
export const readQuestion = (line: string): Question => read(Question, line) as Question;
/** Throws: SignerWireError. */
export const readAnswer = (line: string): Answer => read(Answer, line) as Answer;

export const wireHead = ({ size, root }: GuardedHead): WireHead => ({ size, root: toBase64(root) });
export const headOfWire = ({ size, root }: WireHead): GuardedHead => ({ size, root: fromBase64(root) });

export const lineOf = (message: Question | Answer): string => `${JSON.stringify(message)}\n`;

/** What may stand in a payload that is signed: JSON.parse made it. */
export const jsonOf = (payload: unknown): Json => payload as Json;

/**
 * Cuts what comes in into lines.
 *
 * Throws: SignerWireError when a line is longer than the limit.
 */
export function lineReader(limitBytes: number, onLine: (line: string) => void): (part: Uint8Array) => void {
  let parts: Buffer[] = [];
  let length = 0;
  return (part) => {
    let rest = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
    for (;;) {
      const end = rest.indexOf(0x0a);
      const piece = end === -1 ? rest : rest.subarray(0, end);
      length += piece.length;
      if (length > limitBytes) throw new SignerWireError(`a line is longer than ${limitBytes} bytes`);
      parts.push(piece);
      if (end === -1) return;
      const line = Buffer.concat(parts).toString('utf8');
      parts = [];
      length = 0;
      rest = rest.subarray(end + 1);
      onLine(line);
    }
  };
}
