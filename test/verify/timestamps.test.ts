/** Time-stamps at `kaibiao verify`: which count, what spoils a log, what is said without a trusted root, and of a live server's. */
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { urlSource } from '../../server/cli/log-source.ts';
import { nodeTools, verifySource } from '../../server/cli/verify-log.ts';
import { toBase64 } from '../../server/core/log/base64.ts';
import { formatInstant } from '../../server/core/log/instant.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import { CLOCK_LIMIT_MS } from '../../server/core/timestamp/verify.ts';
import type { VerifyOptions } from '../../server/verify/log.ts';
import { formatPem, readPem } from '../../server/verify/pem-file.ts';
import { SourceError } from '../../server/verify/source.ts';
import { checkStamps } from '../../server/verify/timestamps.ts';
import { STAMP_REASONS } from '../../server/verify/words.ts';
import { DAY_MS } from '../core/pki/authority.ts';
import { goldenBench, goldenFiles, memorySource, runCli, TRUST, WHOLE } from '../support/golden-judge.ts';
import { type LogFiles, readGolden, writeFiles } from '../support/golden-log.ts';
import { goldenServer, idOf } from '../support/golden-server.ts';
import { stampAuthority, withStamp, writtenAt } from '../support/golden-stamps.ts';
import { hasOpenssl } from '../support/openssl-tsa.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';

const bare = goldenFiles('valid', WHOLE);
const at = writtenAt(bare);
const one = await stampAuthority('One', at);
const other = await stampAuthority('Other', at);
const roots = [one.root.certificate];
const stamped = withStamp(bare, 1, one);
const shown = new Set<string>();
/** So long behind the head of the ledger, as a pattern. */
const said = (afterMs: number): string => formatInstant(at + afterMs).replaceAll('.', '\\.');

async function judge(files: LogFiles, more: Partial<VerifyOptions> = { stampRoots: roots }) {
  const judged = await verifySource(memorySource(files), { requireAllDisclosures: true, trust: TRUST, ...more });
  if (!judged.ok) shown.add(judged.reason);
  return judged;
}
const without = (files: LogFiles, ...paths: string[]): LogFiles =>
  new Map([...files].filter(([path]) => !paths.includes(path)));

t.test('a stamp over the anchor: when, by whom, and whether anybody said to trust him', async (t) => {
  t.match(await judge(stamped), {
    ok: true,
    states: ['signed', 'timestamped'],
    timestamped: new RegExp(
      `^time-stamped ${said(1_000)} ± 1000 ms by One under One root \\(SHA-256 [0-9a-f]{64}\\), revocation good$`,
    ),
  });
  t.match(await judge(stamped, {}), {
    ok: true,
    timestamped: /revocation good \(an authority that nobody here said to trust\)$/,
  });
  t.match(await judge(bare, {}), { ok: true, states: ['signed'], timestamped: null });
  t.match(await judge(bare), { ok: false, reason: 'timestamp_missing' });
  const foreign = await judge(stamped, { stampRoots: [other.root.certificate] });
  t.match(foreign, { ok: false, reason: 'timestamp_missing', detail: '1 stamps, none under a given root' });
  t.match(await judge(withStamp(bare, 1, one, { listless: true })), {
    ok: true,
    timestamped: /revocation undetermined$/,
  });
});

t.test('of several authorities those count that are trusted; none may be false', async (t) => {
  const both = withStamp(withStamp(bare, 1, other), 2, one, { at: at + 5_000 });
  const judged = await judge(both);
  t.match(judged, { ok: true, timestamped: new RegExp(`^time-stamped ${said(5_000)} ± 1000 ms by One under`) });
  const all = await judge(both, { stampRoots: [...roots, other.root.certificate] });
  t.match(all, {
    ok: true,
    timestamped: new RegExp(`^time-stamped ${said(1_000)}.* by Other under .*; .*${said(5_000)}.* by One under`),
  });
  const forged = withStamp(withStamp(bare, 1, one), 2, other, { text: 'something else' });
  t.match(await judge(forged), { ok: false, reason: 'timestamp_refused', detail: 'anchor/2.tsr: imprint_differs' });
});

t.test('what does not hold', async (t) => {
  const { checkpoint } = readGolden('failed-tender').anchor ?? { checkpoint: '' };
  const cases: readonly (readonly [string, LogFiles, string])[] = [
    ['another head', withStamp(bare, 1, one, { text: checkpoint }), 'imprint_differs'],
    ['expired', withStamp(bare, 1, one, { at: at + DAY_MS + 2_000 }), 'chain_refused expired'],
    ['revoked', withStamp(bare, 1, one, { revoked: true }), 'revoked'],
    ['no certificate in it', withStamp(bare, 1, one, { answer: { certificates: [] } }), 'signer_missing'],
    ['another key', withStamp(bare, 1, { ...one, signer: { ...one.signer, key: other.signer.key } }), 'bad_signature'],
    ['another chain', new Map([...stamped, ['anchor/1.pem', utf8(other.root.pem)]]), 'chain_refused'],
  ];
  for (const [what, files, why] of cases) {
    const judged = await judge(files, {});
    t.match(judged, { ok: false, reason: 'timestamp_refused' }, what);
    if (!judged.ok) t.ok(judged.detail?.startsWith(`anchor/1.tsr: ${why}`), `${what}: ${judged.detail}`);
  }
});

t.test('a stamp from before the entry it covers, to the millisecond', async (t) => {
  const accuracyMs = 1_000;
  const earliest = at - CLOCK_LIMIT_MS - accuracyMs;
  t.match(await judge(withStamp(bare, 1, one, { at: earliest })), { ok: true });
  const early = await judge(withStamp(bare, 1, one, { at: earliest - 1 }));
  t.match(early, {
    ok: false,
    reason: 'timestamp_before_entry',
    detail: new RegExp(`^anchor/1\\.tsr: ${formatInstant(earliest - 1)}, and`),
  });
});

t.test('half a stamp, a gap before one, files in another writing', async (t) => {
  const reason = async (files: LogFiles) => {
    const judged = await judge(files, {});
    return judged.ok ? 'valid' : `${judged.reason} ${judged.detail}`;
  };
  t.equal(await reason(without(stamped, 'anchor/1.pem')), 'file_missing anchor/1.pem');
  t.equal(await reason(without(stamped, 'anchor/1.tsr')), 'file_missing anchor/1.tsr');
  t.equal(await reason(without(stamped, 'anchor/1.tsr', 'anchor/1.pem')), 'file_missing anchor/1.tsr');
  t.equal(await reason(withStamp(bare, 2, one)), 'file_missing anchor/1.tsr', 'the first may not be left out');
  t.equal(await reason(new Map([...stamped, ['anchor/0.tsr', utf8('x')]])), 'file_unlisted anchor/0.tsr');
  const pem = formatPem('CERTIFICATE', [one.signer.certificate.der, one.root.certificate.der]);
  for (const text of [
    ` ${pem}`,
    `${pem}\n`,
    pem.replaceAll('\n', '\r\n'),
    pem.replaceAll('CERTIFICATE', 'X509 CRL'),
    '',
  ])
    t.match(await reason(new Map([...stamped, ['anchor/1.pem', utf8(text)]])), /^file_malformed anchor\/1\.pem/);
  t.strictSame(readPem('CERTIFICATE', pem), [one.signer.certificate.der, one.root.certificate.der]);
});

t.test('whoever holds the platform’s keys flips what he likes in a stamp: it never says another time', async (t) => {
  const world = steppedWorld();
  const below = (limit: number) => new DataView(world.randomBytes(4).buffer).getUint32(0) % limit;
  const say = async (files: LogFiles) => {
    const found = await memorySource(files).timestamps();
    if (found === null) throw new Error('no stamp');
    return checkStamps(nodeTools, found, { roots, writtenAt: at });
  };
  const honest = await say(stamped);
  if (!honest.ok) throw new Error(honest.reason);
  const time = honest.words.slice(0, honest.words.indexOf(' by '));
  const paths = ['anchor/1.tsr', 'anchor/1.pem', 'anchor/1.crl.pem'];
  let held = 0;
  for (let n = 0; n < 600; n++) {
    const path = paths[n % paths.length] as string;
    const bytes = Uint8Array.from(stamped.get(path) as Uint8Array);
    const place = below(bytes.length);
    bytes[place] = (bytes[place] as number) ^ (1 << below(8));
    const judged = await say(new Map([...stamped, [path, bytes]])).catch((error: unknown) => {
      if (error instanceof SourceError) return null;
      throw error;
    });
    if (judged === null || !judged.ok) continue;
    held += 1;
    if (!judged.words.startsWith(`${time} by `)) t.fail(`${path}: byte ${place} makes it ${judged.words}`);
  }
  t.ok(held < 400, `${held} change nothing that is signed: a list that then says nothing, a root that is given anyway`);
});

t.test('a live server: its stamp covers what stands below it in the ledger, which must be read', async (t) => {
  const whole = readGolden(WHOLE);
  const ledger = readGolden('ledger');
  const server = await goldenServer(t, { openings: [whole], ledger });
  const address = `${server.url}/logs/opening/${idOf(whole)}`;
  const say = async (more: Partial<VerifyOptions> = { stampRoots: roots }) => {
    const judged = await verifySource(urlSource(address), { requireAllDisclosures: false, trust: TRUST, ...more });
    if (!judged.ok) shown.add(judged.reason);
    return judged;
  };
  const stampOf = (text: string) => {
    const files = withStamp(bare, 1, one, { text });
    const texts = (label: 'CERTIFICATE' | 'X509 CRL', path: string) =>
      readPem(label, new TextDecoder().decode(files.get(path)))?.map(toBase64);
    const response = toBase64(files.get('anchor/1.tsr') as Uint8Array);
    const crls = texts('X509 CRL', 'anchor/1.crl.pem');
    return { note: text, response, certificates: texts('CERTIFICATE', 'anchor/1.pem'), crls };
  };
  t.match(await say({}), { ok: true, states: ['signed'] }, 'it has none');
  t.match(await say(), { ok: false, reason: 'timestamp_missing' });
  server.stamp(idOf(whole), stampOf(ledger.checkpoint));
  t.match(await say(), {
    ok: true,
    states: ['signed', 'timestamped'],
    timestamped: /^its first 38 entries time-stamped 2026/,
  });
  const alone = await verifySource(urlSource(address), { requireAllDisclosures: false, stampRoots: roots });
  t.match(alone, { ok: false, reason: 'timestamp_missing', detail: /read whole/ });
  const unread = await verifySource(urlSource(address), { requireAllDisclosures: false });
  t.match(unread, { ok: true, states: ['signed'], timestamped: null }, 'nothing ties it to this log');
  // What the opening was anchored under is an earlier head of the same ledger.
  server.stamp(idOf(whole), stampOf(whole.anchor?.checkpoint ?? ''));
  t.match(await say(), { ok: true, timestamped: /^its first 38 entries/ });
  server.stamp(idOf(whole), stampOf(whole.checkpoint));
  t.match(await say(), { ok: false, reason: 'timestamp_other_ledger' }, 'a note of no ledger');
  server.stamp(idOf(whole), { ...stampOf(ledger.checkpoint), note: whole.anchor?.checkpoint });
  t.match(await say(), { ok: false, reason: 'timestamp_refused', detail: /imprint_differs/ });
  for (const malformed of [{}, [], { ...stampOf('x'), response: '*' }, { ...stampOf('x'), crls: [1] }]) {
    server.stamp(idOf(whole), malformed);
    t.match(await say(), { ok: false, reason: 'file_malformed' });
  }
});

t.test('on the command line', async (t) => {
  const { folder } = await goldenBench(t);
  const place = await writeFiles(stamped, join(folder, 'stamped'));
  const pem = join(folder, 'roots.pem');
  await writeFile(pem, one.root.pem);
  t.match(await runCli('verify', place, '--trust', TRUST, '--tsa', pem), {
    code: 0,
    out: /\n {2}signed → timestamped\n[\s\S]*\n {2}time-stamped 2026-.*revocation good$/,
  });
  await writeFile(pem, other.root.pem);
  t.match(await runCli('verify', place, '--trust', TRUST, '--tsa', pem), { code: 1, err: /^timestamp_missing\n/ });
});

t.test(
  'OpenSSL, which shares nothing with us, judges the same files',
  { skip: !hasOpenssl && 'no openssl here' },
  async (t) => {
    const { folder } = await goldenBench(t);
    const place = await writeFiles(stamped, join(folder, 'stamped'));
    await writeFile(join(folder, 'roots.pem'), one.root.pem);
    const ask = (data: string) =>
      spawnSync(
        'openssl',
        [
          ...['ts', '-verify', '-data', join(place, data), '-in', join(place, 'anchor/1.tsr')],
          ...['-CAfile', join(folder, 'roots.pem'), '-attime', String(Math.floor(at / 1000))],
        ],
        { encoding: 'utf8' },
      );
    t.match(ask('anchor/checkpoint'), { status: 0, stdout: /OK/ });
    t.match(ask('checkpoint'), { status: 1 });
  },
);

t.test('every reason of stamps was shown', (t) => {
  t.strictSame(
    Object.keys(STAMP_REASONS).filter((reason) => !shown.has(reason)),
    [],
  );
  for (const words of Object.values(STAMP_REASONS)) {
    t.match(words.en, /^[A-Z].*\.$/);
    t.match(words.zh, /。$/);
  }
  t.end();
});
