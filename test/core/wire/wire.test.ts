/** The wire is frozen: its schemas hash to what the history says, and every message survives being sent. */
import fc from 'fast-check';
import { Check } from 'typebox/schema';
import { toBase64Url } from '../../../server/core/log/base64.ts';
import { canonicalise, type Json } from '../../../server/core/log/canonical.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import {
  CLOSE_REASONS,
  DownSchema,
  FrameSchema,
  OwnSchema,
  PongSchema,
  PulseSchema,
  ResyncSchema,
} from '../../../server/core/wire/down.ts';
import { PingSchema, UP_LIMIT_BYTES, UpSchema } from '../../../server/core/wire/up.ts';
import { SUBPROTOCOL, WIRE_HISTORY, WIRE_VERSION } from '../../../server/core/wire/version.ts';
import { sha256 } from '../../../server/hash.ts';
import t from '../../support/tap.ts';

t.test('a change of the schemas asks for a new version with its own line of history', async (t) => {
  // JSON.parse drops what typebox keeps beside the JSON Schema
  const schemas: Json = JSON.parse(JSON.stringify({ down: DownSchema, up: UpSchema, closes: CLOSE_REASONS }));
  const hash = toBase64Url(sha256(utf8(canonicalise(schemas))));
  const last = WIRE_HISTORY.at(-1);
  t.equal(last?.schemasSha256, hash, 'if this differs: raise WIRE_VERSION and add a line, never change one');
  t.equal(last?.version, WIRE_VERSION);
  t.same(
    WIRE_HISTORY.map((h) => h.version),
    WIRE_HISTORY.map((_h, i) => i + 1),
    'the history is dense',
  );
  t.equal(SUBPROTOCOL, `kaibiao.v${WIRE_VERSION}`);
});

const at = fc.integer({ min: 0, max: 2 ** 45 });
const seqs = fc.dictionary(fc.nat().map(String), fc.array(fc.string()));
const messages = {
  frame: [
    FrameSchema,
    fc.record({
      v: fc.constant(1),
      kind: fc.constant('entries'),
      entries: fc.array(fc.string()),
      disclosures: seqs,
      checkpoint: fc.string(),
      now: at,
    }),
  ],
  own: [OwnSchema, fc.record({ v: fc.constant(1), kind: fc.constant('own'), disclosures: seqs })],
  pulse: [
    PulseSchema,
    fc.record({ v: fc.constant(1), kind: fc.constant('pulse'), now: at, viewers: fc.nat(), size: fc.nat() }),
  ],
  pong: [PongSchema, fc.record({ v: fc.constant(1), kind: fc.constant('pong'), ping: at, now: at })],
  resync: [ResyncSchema, fc.record({ v: fc.constant(1), kind: fc.constant('resync'), after: fc.integer({ min: -1 }) })],
} as const;

for (const [name, [schema, arbitrary]] of Object.entries(messages))
  t.test(`${name}: what is sent is read back, and is nothing else`, async (t) => {
    fc.assert(
      fc.property(arbitrary as fc.Arbitrary<object>, (message) => {
        const back: unknown = JSON.parse(JSON.stringify(message));
        t.same(back, JSON.parse(JSON.stringify(message)));
        const others = Object.values(messages).filter(([s]) => s !== schema && Check(s, back));
        return Check(schema, back) && Check(DownSchema, back) && others.length === 0;
      }),
      { numRuns: 50 },
    );
    const [sample] = fc.sample(arbitrary as fc.Arbitrary<object>, 1);
    t.notOk(Check(schema, { ...sample, more: 1 }), 'no further member');
    t.notOk(Check(schema, { ...sample, v: 2 }), 'no other version');
  });

t.test('a viewer says nothing but ping, and little of it', async (t) => {
  t.ok(Check(UpSchema, { v: 1, kind: 'ping', ping: 0 }));
  for (const wrong of [
    {},
    null,
    { v: 1, kind: 'ping' },
    { v: 1, kind: 'ping', ping: -1 },
    { v: 1, kind: 'ping', ping: 1.5 },
    { v: 1, kind: 'say', ping: 1 },
  ])
    t.notOk(Check(PingSchema, wrong), JSON.stringify(wrong));
  t.ok(utf8(JSON.stringify({ v: 1, kind: 'ping', ping: Number.MAX_SAFE_INTEGER })).length < UP_LIMIT_BYTES);
});

t.test('disclosures are listed by seq alone', async (t) => {
  const own = (key: string) => Check(OwnSchema, { v: 1, kind: 'own', disclosures: { [key]: ['x'] } });
  t.ok(own('0'));
  for (const key of ['', '-1', '1.5', 'seq', '1e3', '1234567890123456']) t.notOk(own(key), key);
});

t.test('close codes are lawful and each reason has a name of its own', async (t) => {
  for (const [reason, code] of Object.entries(CLOSE_REASONS)) {
    t.ok([1001, 1008, 1011].includes(code) || (code >= 4000 && code < 5000), reason);
    t.ok(reason.length <= 123, 'fits a close frame');
  }
});
