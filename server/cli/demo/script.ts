/** The officials' part of the demo: each acts on the public API with a session of their own, as they would from their desks. */

import { join } from 'node:path';
import { pickCertificate } from '../../client/key-agent.ts';
import { ApiError } from '../../client/transport.ts';
import { formatInstant } from '../../core/log/instant.ts';
import { PROFILES } from '../../core/opening/policy.ts';
import type { PersonRole } from '../../core/opening/roles.ts';
import { isDecrypted, type OpeningState, verdictOf } from '../../core/opening/state.ts';
import { systemWorld } from '../../world.ts';
import { act, createOpening } from '../person/act.ts';
import { openKeyFolder } from '../person/held-keys.ts';
import { letIn } from '../person/operator.ts';
import { openPerson, type Person } from '../person/person.ts';
import { waitFor } from '../person/wait-for.ts';
import type { Cast, Official } from './people.ts';

const SECOND = 1_000;
/** The demo's times: long enough for five processes on a slow machine, short enough to watch. */
export const DEMO_TIMES = {
  untilDeadlineMs: 34 * SECOND,
  checkInLeadMs: 12 * SECOND,
  decryptionWindowMs: 16 * SECOND,
  confirmationMs: 12 * SECOND,
  archiveAfterMs: 3 * SECOND,
  breatheMs: 3 * SECOND,
} as const;

export type Officials = Readonly<Record<'host' | 'tenderer' | 'witness' | 'supervisor', Person>>;

export type Stage = {
  readonly url: string;
  readonly cast: Cast;
  readonly workFolder: string;
  readonly openingId: string;
  say(who: string, line: string): void;
};

async function enter(stage: Stage, official: Official): Promise<Person> {
  const keys = await openKeyFolder(stage.cast.folderOf(official));
  const folder = join(stage.workFolder, official);
  return openPerson({ url: stage.url, keys, folder, world: systemWorld });
}

/** The operator lets the officials in, each by certificate; the act stands on the ledger. */
export async function letOfficialsIn(stage: Stage): Promise<Officials> {
  const operator = await enter(stage, 'operator');
  for (const official of ['host', 'tenderer', 'witness', 'supervisor', 'auditor'] as const) {
    const keys = await openKeyFolder(stage.cast.folderOf(official));
    const { x5c } = await pickCertificate(keys, 'sign', systemWorld.now());
    await letIn(operator, { x5c, kind: 'official' });
  }
  stage.say('operator', 'let five officials in, each by certificate');
  const [host, tenderer, witness, supervisor] = await Promise.all(
    (['host', 'tenderer', 'witness', 'supervisor'] as const).map((official) => enter(stage, official)),
  );
  if (host === undefined || tenderer === undefined || witness === undefined || supervisor === undefined)
    throw new Error('an official is missing');
  return { host, tenderer, witness, supervisor };
}

/** Drafts and publishes the opening. */
export async function publish(stage: Stage, { host, tenderer, witness, supervisor }: Officials): Promise<void> {
  const assignments = [
    { account: host.account, role: 'host' },
    { account: tenderer.account, role: 'tenderer' },
    { account: witness.account, role: 'witness' },
    { account: supervisor.account, role: 'supervisor' },
  ];
  const { untilDeadlineMs, breatheMs: _breatheMs, ...times } = DEMO_TIMES;
  await createOpening(host, {
    openingId: stage.openingId,
    profile: 'rehearsal',
    details: {
      title: '国道312线张掖段路面改造工程（演练）',
      project: { code: 'ZYJT-2026-018', name: '国道312线张掖段路面改造工程' },
      lot: { code: 'ZYJT-2026-018-01', name: '第一标段' },
      tenderer: '张掖市交通建设投资有限公司',
      agency: '陇原招标代理有限公司',
      place: '张掖市公共资源交易中心 开标二室',
      deadlineAt: formatInstant(systemWorld.now() + untilDeadlineMs),
    },
    policy: { ...PROFILES.rehearsal.defaults, ...times, ceilingPrice: '13000000.00' },
    assignments,
  });
  await command(stage, host, 'host', 'PublishOpening', {});
  stage.say('host', 'drafted and published the opening; the policy is frozen by its hash');
}

/** Each waits ten seconds for the quorum. */
const CLOSE_TRIES = 12;

async function command(
  stage: Stage,
  person: Person,
  role: PersonRole,
  type: string,
  data: Parameters<typeof act>[2]['data'],
): Promise<void> {
  await act(person, stage.openingId, { type, role, data });
}

/** Tries again what waited for the cosigners in vain, as people would. */
async function whenCosigned(act: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 'head_not_cosigned') || tries === CLOSE_TRIES) throw error;
    }
  }
}

/** A host reads aloud and people look up: the demo is for watching. */
function breathe(): Promise<void> {
  return new Promise((done) => systemWorld.after(DEMO_TIMES.breatheMs, done));
}

function reached(
  stage: Stage,
  person: Person,
  role: PersonRole,
  isSo: (state: OpeningState) => boolean,
): Promise<OpeningState> {
  return waitFor(person, stage.openingId, role, isSo);
}

/** From the deadline to the archive. */
export async function conduct(stage: Stage, { host, witness }: Officials): Promise<void> {
  const hosted = (isSo: (state: OpeningState) => boolean) => reached(stage, host, 'host', isSo);
  await hosted((s) => s.phase === 'CheckIn');
  stage.say('clock', 'check-in is open');
  await hosted((s) => s.phase === 'Sealed');
  stage.say('clock', 'the deadline: the register is frozen, nobody has seen a price');
  await breathe();
  await command(stage, host, 'host', 'PublishRoster', {});
  stage.say('host', 'published the roster to everyone at once');
  await breathe();
  await command(stage, host, 'host', 'OpenWindow', {});
  stage.say('host', 'opened the decryption window');
  const attribution = await hosted((s) => s.phase === 'Attribution');
  stage.say(
    'clock',
    `the window is over: ${attribution.bids.filter(isDecrypted).length} of ${attribution.bids.length} bids are decrypted`,
  );
  for (const bid of attribution.bids.filter((b) => !isDecrypted(b))) {
    const verdict = bid.proposal?.verdict ?? 'unknown';
    const ruling = { bidder: bid.bidder, verdict, reason: '电子锁续期后未重新加密，属投标人自身原因' };
    await command(stage, host, 'host', 'GiveRuling', ruling);
    await breathe();
    await command(stage, witness, 'witness', 'GiveRuling', ruling);
    stage.say('host+witness', `ruled alike on bidder ${bid.bidder}: ${verdict}`);
  }
  await hosted((s) => s.bids.every((b) => isDecrypted(b) || verdictOf(b) !== null));
  await command(stage, host, 'host', 'AnnouncePrices', {});
  stage.say('host', 'announced every price in one broadcast');
  await breathe();
  await command(stage, host, 'host', 'IssueRecord', { note: '' });
  stage.say('host', 'issued the opening record, version 1');
  const confirmed = await hosted((s) => s.bids.every((b) => b.answer !== null));
  const { record } = confirmed;
  if (record === null) throw new Error('there is no record');
  await breathe();
  await whenCosigned(() => command(stage, host, 'host', 'ProposeClose', {}));
  const attested = { version: record.version, recordSha256: record.sha256 };
  await whenCosigned(() => command(stage, witness, 'witness', 'AttestClose', attested));
  stage.say('witness', 'attested the close with the CA key');
  await breathe();
  await command(stage, host, 'host', 'HandOver', {});
  stage.say('host', 'handed the decrypted files over to the evaluation');
  await hosted((s) => s.phase === 'Archived');
  stage.say('clock', 'archived');
}
