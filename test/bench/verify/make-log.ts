/** The log the bench verifies: a hundred thousand signed acts on a draft, with all their disclosures, as an export folder. */
import { createPrivateKey, sign } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createDemoCa, type DemoCa, demoCreditCode, type Issued } from '../../../server/cli/demo/ca.ts';
import { bodySha256 } from '../../../server/core/log/act.ts';
import { toBase64, toBase64Url } from '../../../server/core/log/base64.ts';
import { canonicalise, type Json, type JsonObject } from '../../../server/core/log/canonical.ts';
import { formatCheckpoint } from '../../../server/core/log/checkpoint.ts';
import { makeDisclosure } from '../../../server/core/log/disclosure.ts';
import { encodeEntry } from '../../../server/core/log/entry.ts';
import { formatInstant } from '../../../server/core/log/instant.ts';
import { appendLeaves, EMPTY_RANGE, leafHash, rangeRoot } from '../../../server/core/log/merkle.ts';
import { formatNote } from '../../../server/core/log/note.ts';
import { encodeBundle, encodeHashTile, formatTilePath, TILE_WIDTH } from '../../../server/core/log/tile.ts';
import { utf8 } from '../../../server/core/log/utf8.ts';
import { EVENTS } from '../../../server/core/opening/events.ts';
import { PROFILES } from '../../../server/core/opening/policy.ts';
import { createOpening, policyHashOf } from '../../../server/core/opening/steps/sealing.ts';
import { parsePem } from '../../../server/core/pki/certificate.ts';
import { parseCrl } from '../../../server/core/pki/crl.ts';
import { type Grounds, judge } from '../../../server/core/pki/judge.ts';
import { encodeJudgement, judgementOf } from '../../../server/core/pki/judgement.ts';
import { PLAIN_SUBJECT_RULE } from '../../../server/core/pki/subject.ts';
import { digestByOid, sha256 } from '../../../server/hash.ts';
import { verifyCertificateSignature } from '../../../server/identity/signature.ts';
import { compactJws, logKey, sessionKey } from '../../support/log-fixtures.ts';

const PLATFORM = 'bench.test';
const OPENING_ID = 'bench-opening';
const ORIGIN = `${PLATFORM}/opening/${OPENING_ID}`;
const BEGAN_AT = Date.parse('2026-03-02T01:00:00.000Z');
const DAY_MS = 86_400_000;
/** People act together, and see the head that the last of such a batch left. */
const BATCH = 16;
/** Devices the host is logged in on, each with a session key of its own. */
const SESSIONS = 32;

const digest = (text: string): string => toBase64Url(sha256(utf8(text)));
const policy = PROFILES.rehearsal.defaults;
const POLICY_HASH = policyHashOf(policy, { digest });

function detailsOf(draft: number) {
  return {
    title: `某道路工程第一标段（第 ${draft} 稿）`,
    project: { code: 'P-1', name: '道路工程' },
    lot: { code: 'LOT-1', name: '第一标段' },
    tenderer: '招标人',
    agency: '代理机构',
    place: '开标一室',
    deadlineAt: formatInstant(BEGAN_AT + 30 * DAY_MS),
  };
}

/** The host, with a demo CA's certificate, logged in on so many devices. */
async function enterHost() {
  const ca = await createDemoCa({ name: 'Bench', at: BEGAN_AT });
  const creditCode = demoCreditCode(1);
  const holder = { creditCode, organisation: '代理机构', name: '主持人', personId: 'H1' };
  const issued = await ca.issue({ holder, usage: 'sign' });
  const chain = parsePem(issued.certificatePem + issued.chainPem).map(({ der }) => der);
  const certSha256 = toBase64Url(sha256(chain[0] ?? new Uint8Array(0)));
  const key = createPrivateKey(issued.privateKeyPem);
  const account = `${creditCode}/H1`;
  const { judgement, files } = judged(ca, issued);
  const sessions = Array.from({ length: SESSIONS }, (_, n) => {
    const session = sessionKey();
    const { jwk } = session;
    const jkt = digest(canonicalise({ crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y }));
    const said = {
      v: 1,
      iss: account,
      aud: PLATFORM,
      origin: `https://${PLATFORM}`,
      nonce: `n-${n}`,
      purpose: 'login',
    };
    const login = compactJws(
      { alg: 'RS256', typ: 'login+jws', x5c: chain.map(toBase64), 'x5t#S256': certSha256 },
      { ...said, iat: 1, session: { jwk, jkt } },
      (data) => new Uint8Array(sign('sha256', data, key)),
    );
    return { login, sign: session.sign };
  });
  return { account, who: { account, creditCode, name: holder.name, certSha256, judgement }, sessions, files };
}

/** The judgement of a certificate as the platform makes it at the first act, and every file that it stands on, by digest. */
function judged(ca: DemoCa, { certificatePem, chainPem }: Issued) {
  const lists = ca.issueCrls({ thisUpdateAt: BEGAN_AT - DAY_MS, nextUpdateAt: BEGAN_AT + 30 * DAY_MS, number: 1 });
  const grounds: Grounds = {
    purpose: 'sign',
    at: BEGAN_AT,
    asOf: null,
    believedUntil: null,
    terms: {
      label: 'Bench',
      purposes: ['sign', 'encrypt'],
      rule: PLAIN_SUBJECT_RULE,
      revocation: 'required',
      extendedUsages: null,
      policies: null,
    },
    path: parsePem(certificatePem + chainPem + ca.rootPem),
    others: [],
    crls: [parseCrl(lists.root), parseCrl(lists.intermediate)],
    responses: [],
  };
  const standing = judge(grounds, { digest: digestByOid, verifySignature: verifyCertificateSignature });
  if (standing?.outcome !== 'good') throw new Error(`the host's certificate is ${standing?.outcome ?? 'not believed'}`);
  const digestOf = (file: Uint8Array): string => toBase64Url(sha256(file));
  const said = judgementOf(grounds, { salt: toBase64Url(new Uint8Array(16)), ...standing, digestOf });
  const { bytes, sha256: judgement } = encodeJudgement(sha256, said);
  const stoodOn = [...grounds.path, ...grounds.crls].map(({ der }) => der);
  return { judgement, files: new Map([bytes, ...stoodOn].map((file) => [digestOf(file), file])) };
}

/** Writes files below a folder, making the folders they stand in. */
function writerTo(folder: string) {
  const made = new Set<string>();
  return (path: string, bytes: Uint8Array | string): void => {
    const full = join(folder, path);
    if (!made.has(dirname(full))) mkdirSync(dirname(full), { recursive: true });
    made.add(dirname(full));
    writeFileSync(full, bytes);
  };
}

/**
 * Writes the log of so many entries.
 *
 * Why: drafts amended over and over, because that is lawful as often as one likes and each act carries its whole data; every entry
 *      has person, source and act withheld and disclosed, as acts of people have them.
 */
async function makeLog(folder: string, count: number): Promise<void> {
  const write = writerTo(folder);
  const key = logKey(ORIGIN, 7);
  const { account, who, sessions, files } = await enterHost();
  for (const [name, file] of files) write(`evidence/${name}`, file);
  let range = EMPTY_RANGE;
  let headSeen = { size: 0, root: toBase64(rangeRoot(sha256, range)) };
  let bundle: Uint8Array[] = [];
  const tiles: { index: number; hashes: Uint8Array[] }[] = [];

  const putTile = (level: number): void => {
    const tile = tiles[level];
    if (tile === undefined || tile.hashes.length === 0) return;
    const { index, hashes } = tile;
    write(formatTilePath({ kind: 'hashes', level, index, width: hashes.length }), encodeHashTile(hashes));
    tiles[level] = { index: index + 1, hashes: [] };
  };
  const putBundle = (index: number): void => {
    if (bundle.length > 0)
      write(formatTilePath({ kind: 'entries', index, width: bundle.length }), encodeBundle(bundle));
    bundle = [];
  };

  const genesis = createOpening(
    {
      openingId: OPENING_ID,
      platform: PLATFORM,
      profile: 'rehearsal',
      details: detailsOf(0),
      policy,
      vkey: key.vkey,
      cosigners: { quorum: 0, vkeys: [] },
      assignments: [{ account, role: 'host' }],
      drawCommitments: [],
      production: false,
    },
    { digest },
  );
  if ('refused' in genesis) throw new Error(genesis.refused);
  const [created] = genesis.events;

  for (let seq = 0; seq < count; seq++) {
    const isFirst = seq === 0;
    const asked = { details: detailsOf(seq), policy };
    const data = (isFirst
      ? { openingId: OPENING_ID, profile: 'rehearsal', ...asked, assignments: [{ account, role: 'host' }] }
      : asked) as unknown as Json;
    const command = `c-${seq}`;
    const session = sessions[seq % SESSIONS];
    if (session === undefined || created === undefined) throw new Error('nobody acts');
    const act = compactJws(
      { alg: 'ES256', typ: 'act+jws' },
      {
        v: 1,
        iss: account,
        aud: PLATFORM,
        openingId: OPENING_ID,
        command,
        type: isFirst ? 'CreateOpening' : 'AmendDraft',
        bodySha256: bodySha256(sha256, data),
        headSeen,
        iat: Math.floor(BEGAN_AT / 1000) + seq,
      },
      session.sign,
    );
    const values: Record<string, Json> = {
      who,
      source: { address: '192.0.2.7', client: 'kaibiao bench' },
      act: { act, login: session.login, data },
      assignments: [{ account, role: 'host' }],
    };
    const type = isFirst ? 'OpeningCreated' : 'DraftAmended';
    const made = Object.keys(EVENTS[type].withheld).map((field) => ({
      field,
      ...makeDisclosure(sha256, sha256(utf8(`${seq} ${field}`)), field, values[field] ?? null),
    }));
    const body = isFirst ? created.body : { ...asked, policyHash: POLICY_HASH };
    const bytes = encodeEntry({
      v: 1,
      log: ORIGIN,
      seq,
      at: formatInstant(BEGAN_AT + 2 * seq + 1),
      receivedAt: formatInstant(BEGAN_AT + 2 * seq),
      type,
      actor: { role: 'host' },
      command,
      body: body as unknown as JsonObject,
      commit: Object.fromEntries(made.map((one) => [one.field, one.digest])),
    });
    write(`disclosures/${seq}.json`, canonicalise(made.map(({ disclosure }) => disclosure)));
    bundle.push(bytes);
    range = appendLeaves(sha256, range, [leafHash(sha256, bytes)], ({ level, index }, hash) => {
      // every eighth level is published
      if (level % 8 !== 0) return;
      const tile = tiles[level / 8] ?? { index: Math.floor(index / TILE_WIDTH), hashes: [] };
      tiles[level / 8] = tile;
      tile.hashes.push(hash);
      if (tile.hashes.length === TILE_WIDTH) putTile(level / 8);
    });
    if (bundle.length === TILE_WIDTH) putBundle(Math.floor(seq / TILE_WIDTH));
    if ((seq + 1) % BATCH === 0) headSeen = { size: range.size, root: toBase64(rangeRoot(sha256, range)) };
  }
  putBundle(Math.floor(count / TILE_WIDTH));
  for (const level of tiles.keys()) putTile(level);
  const text = formatCheckpoint({ origin: ORIGIN, size: range.size, root: rangeRoot(sha256, range) });
  write('checkpoint', formatNote(text, [{ name: key.name, keyId: key.keyId, signature: key.sign(utf8(text)) }]));
  write('vkey', `${key.vkey}\n`);
}

const [folder = '', count = ''] = process.argv.slice(2);
await makeLog(folder, Number(count));
