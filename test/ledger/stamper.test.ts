/** The stamper: last heads at once, others in their rhythm; the next authority when one fails; what is stored can be judged again years later. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { basicConstraints, timeStampingUsage } from '../../server/cli/demo/ca.ts';
import { answerTimestamp, DEMO_POLICY } from '../../server/cli/demo/time-stamping.ts';
import { serveTsa, type TsaWork } from '../../server/cli/demo/tsa-server.ts';
import { ledgerOrigin, openingOrigin } from '../../server/core/log/origin.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { splitElements } from '../../server/core/timestamp/elements.ts';
import { RESPONSE_LIMIT_BYTES } from '../../server/core/timestamp/token.ts';
import { CLOCK_LIMIT_MS, verifyTimestamp } from '../../server/core/timestamp/verify.ts';
import { digestByOid, sha256 } from '../../server/hash.ts';
import { verifyCertificateSignature } from '../../server/identity/signature.ts';
import { StampingError } from '../../server/ledger/timestamps/ask-authority.ts';
import { AuthoritiesError, type Authority, readAuthorities } from '../../server/ledger/timestamps/authorities.ts';
import { createStamper, FIRST_PAUSE_MS, LONGEST_PAUSE_MS } from '../../server/ledger/timestamps/stamper.ts';
import { findStampedHead, type StoredTimestamp, wantedSize } from '../../server/store/timestamps.ts';
import { authority, crlDer, rawExtension, sequenceOf, signUsage, uriPoint } from '../core/pki/authority.ts';
import { newFolder } from '../support/folder.ts';
import { addOpening, archiveOpening, type LedgerBench, ledgerBench } from '../support/ledger.ts';
import { appendSome, begin, PLATFORM } from '../support/signed-log.ts';
import t from '../support/tap.ts';
import { type SteppedWorld, steppedWorld } from '../support/world.ts';

const PERIOD_MS = 600_000;
const ledger = ledgerOrigin(PLATFORM);
const origin = openingOrigin(PLATFORM, 'a');
const root = await authority('Root');
const other = await authority('Other');

type Behaviour = Partial<TsaWork> & { readonly skewMs?: number; readonly revoked?: boolean; readonly lists?: boolean };
/** The ledger has a clock of its own, which stands still: what it does by its rhythms would come in between. */
type Bench = LedgerBench & { readonly clock: SteppedWorld };
type Tap = { teardown(act: () => Promise<void>): void };

/** An authority that listens; `behave` changes what it does from then on. */
async function listening(t: Tap, { clock: world }: Bench) {
  let now: Behaviour = {};
  const asked: string[] = [];
  let serial = 0;
  const served = await serveTsa({
    stamp(request) {
      asked.push('stamp');
      serial += 1;
      return (
        now.stamp?.(request) ?? answerTimestamp(request, identity, { at: world.now() + (now.skewMs ?? 0), serial })
      );
    },
    list(path) {
      asked.push(path);
      const entries = now.revoked ? [{ serial: tsa.certificate.serial, revokedAt: world.now() - 1_000 }] : [];
      return now.lists === false ? undefined : crlDer(root, { entries });
    },
  });
  t.teardown(() => served.close());
  const points = rawExtension('2.5.29.31', false, sequenceOf(sequenceOf(uriPoint(`${served.url}/root.crl`))));
  const tsa = await authority('Stamper', root, {
    extensions: [basicConstraints(false), signUsage, timeStampingUsage(), points],
  });
  const identity = { key: tsa.key, certificate: tsa.certificate.der, chain: [] };
  const terms: Authority = {
    url: `${served.url}/`,
    anchors: [root.certificate],
    intermediates: [],
    policies: [DEMO_POLICY],
  };
  return {
    terms,
    asked,
    behave(next: Behaviour) {
      now = next;
    },
  };
}
function stamperOf({ sql, clock: world, signer }: Bench, authorities: readonly Authority[]) {
  const faults: string[] = [];
  const stamper = createStamper({
    sql,
    world,
    fetch,
    authorities,
    periodMs: PERIOD_MS,
    newestNote: async () => signer.released(ledger),
    onFault: (error) => faults.push(error instanceof StampingError ? error.code : String(error)),
  });
  return { ...stamper, faults };
}

const stampsOf = ({ sql }: Bench) =>
  sql<StoredTimestamp[]>`SELECT ledger_size AS "ledgerSize", authority, note, response, path, crls, revocation,
    stamped_at AS "stampedAt", received_at AS "receivedAt" FROM timestamps ORDER BY ledger_size`;

async function growing(t: Tap): Promise<Bench> {
  const bench = await ledgerBench(t);
  await addOpening(bench.sql, 'a');
  await begin(bench.sql, origin);
  return { ...bench, clock: steppedWorld() };
}

t.test('the ledger is stamped at first, then every period; a last head at once', async (t) => {
  const bench = await growing(t);
  const tsa = await listening(t, bench);
  const stamper = stamperOf(bench, [tsa.terms]);
  await stamper.look();
  t.equal((await stampsOf(bench)).length, 1, 'nothing was stamped yet, so it is due');
  await stamper.look();
  await appendSome(bench.sql, bench.signer, origin, 2);
  await bench.ledger.takeHeads();
  bench.clock.advance(PERIOD_MS - 1);
  await stamper.look();
  t.equal((await stampsOf(bench)).length, 1, 'an ordinary head waits for the period');
  t.equal(await findStampedHead(bench.sql, origin), null);
  bench.clock.advance(1);
  await stamper.look();
  t.equal((await stampsOf(bench)).length, 2);
  t.match(await findStampedHead(bench.sql, origin), { size: 2, timestamp: { revocation: 'good' } });

  await addOpening(bench.sql, 'b');
  await archiveOpening(bench, 'b', 'failed');
  t.equal(await wantedSize(bench.sql, 0), null, 'what the ledger does not hold yet cannot be stamped');
  await bench.ledger.takeHeads();
  await stamper.look();
  const [, , third] = await stampsOf(bench);
  t.equal(third?.ledgerSize, bench.signer.released(ledger)?.size, 'at once');
  t.match(await findStampedHead(bench.sql, openingOrigin(PLATFORM, 'b')), { size: 1 });
  t.match(await findStampedHead(bench.sql, origin), {
    size: 2,
    timestamp: { ledgerSize: (await stampsOf(bench))[1]?.ledgerSize },
  });
  await stamper.look();
  t.equal((await stampsOf(bench)).length, 3, 'and once');
  t.strictSame(stamper.faults, []);
});

t.test('what is stored is enough to judge the stamp again, with nothing but the anchor from elsewhere', async (t) => {
  const bench = await growing(t);
  const tsa = await listening(t, bench);
  await stamperOf(bench, [tsa.terms]).look();
  const [stored] = await stampsOf(bench);
  if (stored === undefined) throw new Error('nothing stored');
  t.equal(stored.note, bench.signer.released(ledger)?.note);
  t.equal(stored.stampedAt, bench.clock.now());
  const question = {
    response: stored.response,
    imprint: sha256(utf8(stored.note)),
    anchors: [root.certificate],
    intermediates: splitElements(stored.path),
    crls: splitElements(stored.crls),
    digest: digestByOid,
    verifySignature: verifyCertificateSignature,
  };
  t.match(verifyTimestamp(question), { ok: true, at: stored.stampedAt, revocation: 'good' });
  t.match(verifyTimestamp({ ...question, anchors: [other.certificate] }), { ok: false, reason: 'chain_refused' });
  t.equal(splitElements(stored.path).length, 2);
  await t.rejects(bench.sql`UPDATE timestamps SET authority = 'x'`, { code: '42501' }, 'the application may not');
  await t.rejects(bench.database.superuser`DELETE FROM timestamps`, { code: 'KB001' }, 'nor may anyone');
});

t.test('one that fails is left alone for a while, longer each time, and the next is asked', async (t) => {
  const bench = await growing(t);
  const [first, second] = [await listening(t, bench), await listening(t, bench)];
  const stamper = stamperOf(bench, [first.terms, second.terms]);
  first.behave({ stamp: () => 503 });
  await stamper.look();
  t.match(await stampsOf(bench), [{ authority: second.terms.url }]);
  t.strictSame(stamper.faults, ['unreachable']);

  second.behave({ stamp: () => 503 });
  bench.clock.advance(PERIOD_MS);
  await bench.ledger.takeRegister();
  await stamper.look();
  t.equal(first.asked.length, 2, 'its pause is over');
  t.equal(stamper.faults.length, 3, 'both failed');
  bench.clock.advance(FIRST_PAUSE_MS - 1);
  await stamper.look();
  t.equal(stamper.faults.length, 3, 'both are left alone');
  bench.clock.advance(1);
  second.behave({});
  await stamper.look();
  t.equal(
    (await stampsOf(bench)).length,
    2,
    'the second, which failed once, is asked before the first, which failed twice',
  );
  t.equal(first.asked.length, 2);
});

t.test('the pause grows to its limit and not beyond', async (t) => {
  const bench = await growing(t);
  const tsa = await listening(t, bench);
  tsa.behave({ stamp: () => 500 });
  const stamper = stamperOf(bench, [tsa.terms]);
  for (let n = 0; n < 12; n++) {
    await stamper.look();
    bench.clock.advance(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** n));
  }
  t.equal(tsa.asked.length, 12);
  await stamper.look();
  bench.clock.advance(LONGEST_PAUSE_MS - 1);
  await stamper.look();
  t.equal(tsa.asked.length, 13);
});

t.test('whoever begins anew reads from the tables what is stamped and what is not', async (t) => {
  const bench = await growing(t);
  const tsa = await listening(t, bench);
  await stamperOf(bench, [tsa.terms]).look();
  await stamperOf(bench, [tsa.terms]).look();
  t.equal((await stampsOf(bench)).length, 1);
  await addOpening(bench.sql, 'b');
  await archiveOpening(bench, 'b', 'aborted');
  await bench.ledger.takeHeads();
  await stamperOf(bench, [tsa.terms]).look();
  t.equal((await stampsOf(bench)).length, 2, 'a last head that the one before had no time for');
});

t.test('answers that do not hold are not stored', async (t) => {
  const bench = await growing(t);
  const tsa = await listening(t, bench);
  const cases: readonly [Behaviour, string][] = [
    [{ revoked: true }, 'revoked'],
    [{ skewMs: CLOCK_LIMIT_MS + 1_001 }, 'clock_differs'],
    [{ skewMs: -CLOCK_LIMIT_MS - 1_001 }, 'clock_differs'],
    [{ stamp: () => new Uint8Array(RESPONSE_LIMIT_BYTES + 1) }, 'unreachable'],
    [{ stamp: () => new Uint8Array(5) }, 'malformed'],
  ];
  for (const [behaviour, code] of cases) {
    tsa.behave(behaviour);
    const stamper = stamperOf(bench, [tsa.terms]);
    await stamper.look();
    t.strictSame(stamper.faults, [code]);
  }
  t.equal((await stampsOf(bench)).length, 0);
  tsa.behave({ skewMs: CLOCK_LIMIT_MS + 1_000, lists: false });
  const stamper = stamperOf(bench, [tsa.terms]);
  await stamper.look();
  t.match(await stampsOf(bench), [{ revocation: 'undetermined' }], 'no list to be had: not refused');
  t.strictSame(stamper.faults, ['list_unreachable'], 'but said');
});

t.test('a list is fetched once for many stamps', async (t) => {
  const bench = await growing(t);
  const tsa = await listening(t, bench);
  const stamper = stamperOf(bench, [tsa.terms]);
  for (let n = 0; n < 3; n++) {
    await stamper.look();
    bench.clock.advance(PERIOD_MS);
    await bench.ledger.takeRegister();
  }
  t.equal((await stampsOf(bench)).length, 3);
  t.equal(tsa.asked.filter((what) => what === '/root.crl').length, 1);
});

t.test('the file of authorities', async (t) => {
  const folder = await newFolder(t, 'authorities');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'root.pem'), root.pem);
  await writeFile(join(folder, 'none.pem'), 'nothing');
  const file = join(folder, 'authorities.json');
  const read = async (listed: unknown) => {
    await writeFile(file, typeof listed === 'string' ? listed : JSON.stringify(listed));
    return readAuthorities(file);
  };
  const one = { url: 'https://tsa.example/', anchors: 'root.pem' };
  t.match(await read([{ ...one, chain: 'root.pem', policies: ['1.2.3'], accuracyMs: 1_000 }]), [
    { url: one.url, policies: ['1.2.3'], accuracyLimitMs: 1_000 },
  ]);
  const wrong: readonly unknown[] = [
    'no json',
    [],
    {},
    [{ url: one.url }],
    [{ ...one, more: 1 }],
    [{ ...one, url: 'ftp://tsa.example/' }],
    [{ ...one, url: 'https://' }],
    [{ ...one, anchors: 'none.pem' }],
    [{ ...one, policies: [] }],
    [{ ...one, policies: ['1.x'] }],
    [{ ...one, accuracyMs: 0 }],
    [{ ...one, accuracyMs: 600_001 }],
    [one, one],
  ];
  for (const listed of wrong) await t.rejects(read(listed), AuthoritiesError, JSON.stringify(listed));
});
