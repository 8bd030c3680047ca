/** The bench's bidders, a process of their own: each with certificates, login, sealed envelope and signed statement as any bidder's client makes them. */

import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { makeSessionKey } from '../../../server/cli/person/session-key.ts';
import { signerOf } from '../../../server/cli/seal/held-key.ts';
import { sealBid } from '../../../server/cli/seal/seal.ts';
import { unwrapWith } from '../../../server/cli/seal/wrap.ts';
import { decryptBid, type KeptLodgement } from '../../../server/client/decrypt-statement.ts';
import { type BidPromises, type OpeningTerms, signLodgement } from '../../../server/client/lodge-statement.ts';
import { logIn, type Session } from '../../../server/client/session.ts';
import type { Transport } from '../../../server/client/transport.ts';
import { fromBase64, fromBase64Url, toBase64 } from '../../../server/core/log/base64.ts';
import { emptyRoot } from '../../../server/core/log/merkle.ts';
import { ed25519Verifier, type NoteVerifier, parseVkey } from '../../../server/core/log/note.ts';
import { fromUtf8, utf8 } from '../../../server/core/log/utf8.ts';
import type { CertificateSigner } from '../../../server/core/pki/person-jws.ts';
import type { ReceiptPayload } from '../../../server/core/seal/receipt.ts';
import { sha256 } from '../../../server/hash.ts';
import { verifyJwsSignature } from '../../../server/identity/signature.ts';
import { systemWorld } from '../../../server/world.ts';
import { verifyEd25519 } from '../../support/log-fixtures.ts';
import { LOT } from '../../support/roadworks.ts';
import { pooled } from '../pooled.ts';
import { type BulkBidder, makeBulkCa } from './certificates.ts';

/** How many bidders of each opening, in the order of the openings. */
export type BiddersOrder =
  | { readonly do: 'enter'; readonly url: string; readonly folder: string; readonly counts: readonly number[] }
  | { readonly do: 'lodge'; readonly terms: readonly OpeningTerms[] }
  /** Makes every statement at once and sends those of opening 0 over its last `rushMs`, the others' over the whole window. */
  | { readonly do: 'decrypt'; readonly rushMs: number; readonly marginMs: number };
export type BiddersReport =
  | { readonly rootPem: string }
  | { readonly entered: number }
  | { readonly lodged: number }
  | {
      /** Of each opening: when each statement was sent, by the digest of its sealed key, ms; and what was refused. */
      readonly sent: readonly (readonly {
        readonly jweSha256: string;
        readonly at: number;
        readonly tookMs: number;
      }[])[];
      readonly refused: readonly string[];
      /** How long before the rush the last statement of opening 0 was made, ms; below zero it was late. */
      readonly spareMs: number;
      /** What was said in the chats meanwhile. */
      readonly said: number;
    };

/** Bidders who log in, lodge or ask for their challenge at a time. */
const AT_ONCE = 24;
/** Each opening but the first says something this often. */
const CHAT_MS = 4_000;

type Bid = {
  readonly opening: number;
  readonly person: BulkBidder;
  readonly signer: CertificateSigner;
  readonly session: Session;
  readonly envelope: string;
  readonly promises: BidPromises;
  kept: KeptLodgement | null;
};

const say = (report: BiddersReport): void => void process.send?.(report);
const ca = makeBulkCa(systemWorld.now());
const unwrap = unwrapWith(ca.encryptionKey);
const { randomBytes } = systemWorld;
const nothingSeen = { size: 0, root: toBase64(emptyRoot(sha256)) };
let bids: readonly Bid[] = [];
let terms: readonly OpeningTerms[] = [];

async function enter({ url, folder, counts }: Extract<BiddersOrder, { do: 'enter' }>): Promise<void> {
  const transport: Transport = { origin: url, world: systemWorld, fetch };
  const places = counts.flatMap((count, opening) => Array.from({ length: count }, () => opening));
  const entered: Bid[] = [];
  await pooled(places, AT_ONCE, async (opening, n) => {
    const person = ca.issue(n);
    const signer = signerOf({ ...person.signing, chain: [] });
    const envelope = join(folder, `${n}.p7m`);
    const promises = await seal(person, envelope, n);
    const session = await logIn({ transport, world: systemWorld, signer, sha256, makeSessionKey });
    await session.api.registerEncryptionCertificate([toBase64(person.encryptionCertificate)]);
    entered.push({ opening, person, signer, session, envelope, promises, kept: null });
  });
  bids = entered;
}

function seal({ holder, encryptionCertificate }: BulkBidder, out: string, n: number): Promise<BidPromises> {
  return sealBid({
    openingList: {
      v: 1,
      lotId: LOT,
      creditCode: holder.creditCode,
      name: holder.organisation,
      quote: { kind: 'total', amount: `${1_000_000 + n}.00`, currency: 'CNY', unit: '元', inWords: '' },
      duration: '90天',
      quality: '合格',
      manager: '经理',
      columns: {},
    },
    documents: [{ name: '技术标.txt', bytes: utf8('施工组织设计\n') }],
    toolFacts: { v: 1 },
    certificate: encryptionCertificate,
    keyTransport: 'rsa_oaep_sha256',
    compress: true,
    out,
    unwrap,
    randomBytes,
  });
}

/** Lodges every bid and checks its bidder in. */
async function lodge(): Promise<void> {
  const logKeys = await Promise.all(terms.map(readLogKey));
  await pooled(bids, AT_ONCE, async (bid) => {
    const { api } = bid.session;
    const about = terms[bid.opening] as OpeningTerms;
    const { creditCode } = bid.person.holder;
    const lodgement = { creditCode, promises: bid.promises };
    const { statement } = await signLodgement(about, lodgement, bid.signer, {
      nowAt: systemWorld.now(),
      randomBytes,
      sha256,
    });
    const { size: sizeBytes } = await stat(bid.envelope);
    const open = () => Readable.toWeb(createReadStream(bid.envelope)) as ReadableStream<Uint8Array>;
    const answer = await api.sendBid(about.openingId, { statement, sizeBytes, open });
    const receipt = JSON.parse(fromUtf8(fromBase64Url(answer.receipt?.split('.')[1] ?? ''))) as ReceiptPayload;
    bid.kept = { statement, receipt, logKey: logKeys[bid.opening] as NoteVerifier, windowKid: null };
    await command(bid, 'CheckIn', {});
    await rm(bid.envelope);
  });
}

async function readLogKey({ openingId }: OpeningTerms): Promise<NoteVerifier> {
  const [first] = bids;
  if (first === undefined) throw new Error('no bidders');
  const vkey = fromUtf8(await first.session.api.readLogFile(`opening/${openingId}`, 'vkey')).trim();
  return ed25519Verifier(parseVkey(sha256, vkey), verifyEd25519);
}

async function command({ session, opening }: Bid, type: string, data: Record<string, string>): Promise<void> {
  const openingId = (terms[opening] as OpeningTerms).openingId;
  const id = session.newId();
  const act = await session.sign({ openingId, id, type, data, headSeen: nothingSeen });
  await session.api.sendCommand(openingId, { id, type, data, role: 'bidder', act });
}

async function decrypt({ rushMs, marginMs }: Extract<BiddersOrder, { do: 'decrypt' }>): Promise<BiddersReport> {
  const sent: { jweSha256: string; at: number; tookMs: number }[][] = terms.map(() => []);
  const refused: string[] = [];
  const rushing = bids.filter(({ opening }) => opening === 0);
  const places = new Map(rushing.map((bid, place) => [bid, place]));
  const sending: Promise<void>[] = [];
  let spareMs = Number.POSITIVE_INFINITY;
  let isOver = false;
  let said = 0;

  async function sendAt(dueAt: number, bid: Bid, statement: string, jwe: string, jweSha256: string): Promise<void> {
    await wait(Math.max(0, dueAt - Date.now()));
    const at = Date.now();
    try {
      await bid.session.api.sendDecryption((terms[bid.opening] as OpeningTerms).openingId, { statement, jwe });
      sent[bid.opening]?.push({ jweSha256, at, tookMs: Date.now() - at });
    } catch (error) {
      // What was sent and refused is lost; it is counted, not hidden.
      sent[bid.opening]?.push({ jweSha256, at, tookMs: Date.now() - at });
      refused.push(error instanceof Error && 'code' in error ? String(error.code) : String(error));
    }
  }

  async function chat(): Promise<void> {
    const speakers = terms.flatMap((_, opening) => bids.find((bid) => opening > 0 && bid.opening === opening) ?? []);
    for (let n = 0; !isOver && speakers.length > 0; n++) {
      const speaker = speakers[n % speakers.length] as Bid;
      await command(speaker, 'Say', { text: `请问第 ${n} 项`, to: 'all' });
      said += 1;
      await wait(CHAT_MS / speakers.length);
    }
  }
  const chatting = chat();

  await pooled(bids, AT_ONCE, async (bid) => {
    const about = terms[bid.opening] as OpeningTerms;
    const challenge = await bid.session.api.readDecryptionChallenge(about.openingId);
    const { window, jti, recipientInfos, closesAt } = challenge;
    if (bid.kept === null) throw new Error('a bid that was not lodged');
    const { statement, jwe, payload } = await decryptBid(
      bid.kept,
      { window: { entry: utf8(window.entry), proof: window.proof }, jti, recipientInfos: fromBase64(recipientInfos) },
      { unwrap, signer: bid.signer, sha256, verifySignature: verifyJwsSignature, nowAt: Date.now(), randomBytes },
    );
    const place = places.get(bid);
    const rushAt = closesAt - rushMs;
    const inRush = ((place ?? 0) * (rushMs - marginMs)) / rushing.length;
    const dueAt = place === undefined ? Date.now() + Math.random() * Math.max(0, rushAt - Date.now()) : rushAt + inRush;
    if (place !== undefined) spareMs = Math.min(spareMs, dueAt - Date.now());
    sending.push(sendAt(dueAt, bid, statement, jwe, payload.jweSha256));
  });
  await Promise.all(sending);
  isOver = true;
  await chatting;
  return { sent, refused, spareMs, said };
}

async function obey(order: BiddersOrder): Promise<BiddersReport> {
  switch (order.do) {
    case 'enter':
      await enter(order);
      return { entered: bids.length };
    case 'lodge':
      terms = order.terms;
      await lodge();
      return { lodged: bids.length };
    case 'decrypt':
      return decrypt(order);
  }
}

process.on('message', (order: BiddersOrder) => {
  obey(order).then(say, (error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
process.on('disconnect', () => process.exit());
say({ rootPem: ca.rootPem });
