/** One bidder of the demo, a process of its own on the public API: seals, lodges, checks in, decrypts with its own key, signs the record. */
import { join } from 'node:path';
import { KeyAgentError, pickCertificate } from '../../client/key-agent.ts';
import { profileFor } from '../../client/key-transport.ts';
import { SealError } from '../../client/seal-error.ts';
import { VERSION } from '../../version.ts';
import { systemWorld } from '../../world.ts';
import { act } from '../person/act.ts';
import { checkIn } from '../person/check-in.ts';
import { decrypt } from '../person/decrypt.ts';
import { openKeyFolder } from '../person/held-keys.ts';
import { lodge } from '../person/lodge.ts';
import { openPerson, type Person } from '../person/person.ts';
import { readOpening } from '../person/read-opening.ts';
import { rehearse } from '../person/rehearse.ts';
import { waitFor } from '../person/wait-for.ts';
import { sealBid } from '../seal/seal.ts';
import { toolFacts } from '../seal/tool-facts.ts';
import type { DemoBidder } from './people.ts';

/** What the demo tells a bidder's process, as one JSON argument; nothing in it is secret, the keys lie in their folders. */
export type BidderTask = {
  readonly url: string;
  readonly openingId: string;
  readonly keyFolder: string;
  /** The keys it brings to the window; another folder when its token was renewed meanwhile. */
  readonly decryptionKeyFolder: string;
  readonly workFolder: string;
  readonly bidder: DemoBidder;
  /** How long this person takes to find the token and the button, ms. */
  readonly thinkMs: number;
  /** Lodges a first bid and replaces it, as people do who found a mistake. */
  readonly replaces: boolean;
};

/** Plays one bidder to the end of the record. */
export async function playBidder(task: BidderTask, say: (line: string) => void): Promise<void> {
  const { url, openingId, bidder } = task;
  const keys = await openKeyFolder(task.keyFolder);
  const person = await openPerson({ url, keys, folder: join(task.workFolder, 'kept'), world: systemWorld });
  await waitFor(person, openingId, 'public', (state) => state.phase !== 'Draft');

  if (task.replaces) {
    await lodge(person, openingId, { envelope: await seal(person, task, '15000000.00', '壹仟伍佰万元整', 'first') });
    say('lodged a first bid');
  }
  const envelope = await seal(person, task, bidder.amount, bidder.inWords, 'bid');
  await lodge(person, openingId, { envelope, replace: task.replaces });
  say(
    task.replaces
      ? 'replaced it before the deadline; the receipt is kept'
      : `lodged a bid sealed by ${bidder.keyTransport}; the receipt is kept`,
  );

  await waitFor(person, openingId, 'public', (state) => state.phase === 'CheckIn');
  await checkIn(person, openingId);
  const { unwrapped } = await rehearse(person, openingId);
  say(unwrapped ? 'checked in; the rehearsal with its own key went well' : 'checked in; the rehearsal failed');

  await waitFor(person, openingId, 'bidder', (state) => state.phase === 'Decrypting');
  await think(task.thinkMs);
  await decryptOwn(person, task, say);

  await waitFor(person, openingId, 'bidder', (state) => state.record !== null);
  await think(task.thinkMs);
  const { record } = (await readOpening(person, openingId, 'bidder')).state;
  if (record === null) throw new Error('the record is gone');
  await act(person, openingId, {
    type: 'SignRecord',
    role: 'bidder',
    data: { version: record.version, recordSha256: record.sha256 },
  });
  say('signed the record');
}

function think(ms: number): Promise<void> {
  return new Promise((done) => systemWorld.after(ms, done));
}

async function seal(person: Person, task: BidderTask, amount: string, inWords: string, name: string): Promise<string> {
  const { terms } = await readOpening(person, task.openingId);
  const { certSha256, certificate } = await pickCertificate(person.keys, 'unwrap', systemWorld.now());
  const out = join(task.workFolder, `${name}.p7m`);
  const proposal = `施工组织设计（${task.bidder.name}）\n`.repeat(2_000);
  const documents = [{ name: '技术标/施工组织设计.txt', bytes: new TextEncoder().encode(proposal) }];
  await sealBid({
    openingList: {
      v: 1,
      lotId: terms.lotId,
      creditCode: task.bidder.creditCode,
      name: task.bidder.name,
      quote: { kind: 'total', amount, currency: 'CNY', unit: '元', inWords },
      duration: task.bidder.duration,
      quality: '合格',
      manager: task.bidder.manager,
      columns: {},
    },
    documents,
    toolFacts: await toolFacts(VERSION, documents),
    certificate: certificate.der,
    keyTransport: task.bidder.keyTransport,
    profile: profileFor(task.bidder.keyTransport),
    compress: true,
    out,
    unwrap: await person.keys.unwrapper(certSha256),
    randomBytes: systemWorld.randomBytes,
  });
  return out;
}

/** A renewed token finds out on the bidder's own side: the content key does not come out, and nothing is sent. */
async function decryptOwn(person: Person, task: BidderTask, say: (line: string) => void): Promise<void> {
  const keys = await openKeyFolder(task.decryptionKeyFolder);
  try {
    await decrypt({ ...person, keys }, task.openingId);
    say('decrypted with its own private key');
  } catch (error) {
    if (!(error instanceof SealError || error instanceof KeyAgentError)) throw error;
    say(`could not decrypt: ${error.code} — its token was renewed after sealing`);
  }
}

/** The process: one JSON task as its only argument, lines for people on standard output. */
export async function runBidder(argument: string): Promise<number> {
  const task = JSON.parse(argument) as BidderTask;
  await playBidder(task, (line) => process.stdout.write(`${line}\n`));
  return 0;
}
