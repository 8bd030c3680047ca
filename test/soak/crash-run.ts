/** One row of the crash matrix: the scripted opening on a platform that is struck at every step, and everything checked at the end. */
import { formatInstant } from '../../server/core/log/instant.ts';
import { type LogKind, ledgerOrigin, openingOrigin } from '../../server/core/log/origin.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import type { Answer, Submission } from '../../server/recorder/submission.ts';
import type { Sql, Target } from '../../server/store/driver.ts';
import { type CrashProcess, crashProcess, type Reply } from './crash-process.ts';
import { crashScript, type Step } from './crash-script.ts';
import type { FaultPoint } from './fault-points.ts';
import { checkEnded } from './final-checks.ts';
import type { Sent } from './network.ts';
import { type Person, STAFF, type Town } from './people.ts';
import { HEARTBEAT_MS, PLATFORM } from './platform.ts';
import { START_AT } from './simulate.ts';
import { readStored, verifyStored } from './stored-log.ts';
import type { Outage } from './time-checks.ts';
import { holds } from './violations.ts';

/** What befalls the platform at each step. `befall` is called right after the step was sent; `heal` before it is asked again. */
export type Blow = {
  readonly name: string;
  readonly point?: FaultPoint;
  readonly befall?: () => Promise<void> | void;
  readonly heal?: (process: CrashProcess) => Promise<void>;
  /** By how much the clock is set before the step, in ms; `isDead`: while the server is down, and not under its eyes. */
  readonly jump?: { readonly isDead: boolean; by(): number };
};

export type CrashSetting = {
  readonly target: Target;
  readonly sql: Sql;
  readonly dataFolder: string;
  readonly town: Town;
  readonly openingId: string;
  readonly blow: Blow;
  /** Whether this step is struck; all are by default. */
  readonly isStruck?: (step: string) => boolean;
};

export type CrashRow = {
  readonly blow: string;
  readonly deaths: number;
  readonly asked: number;
  readonly entries: number;
  readonly jumps: number;
};

/** How often a step is asked again before the platform counts as gone for good. */
const TRIES = 40;
/** Beyond the longest pause of a keeper after a fault. */
const AGAIN_MS = 100;
const LEDGER = ledgerOrigin(PLATFORM);

/** Throws: ViolationError; an Error when the platform does not come back. */
export async function crashRun(setting: CrashSetting): Promise<CrashRow> {
  const { openingId, blow, sql, town } = setting;
  const origin = openingOrigin(PLATFORM, openingId);
  await enterStaff(sql, town);
  const process = crashProcess(setting.target, setting.dataFolder, openingId);
  const script = await crashScript(openingId, town);
  const sent: Sent[] = [];
  let now = START_AT;
  let deaths = 0;
  let asked = 0;
  let jumps = 0;
  const outages: Outage[] = [];

  /** How long nobody was at home: since the last heartbeat that was stored. */
  async function noteOutage(): Promise<void> {
    const [beat] = await sql<{ at: number }[]>`SELECT at FROM heartbeats`;
    if (beat !== undefined && beat.at < now) outages.push({ downAt: beat.at, upAt: now });
  }

  let starting: Promise<void> | null = null;
  /** Starts it when it is dead; whoever asks meanwhile waits for the same start. */
  async function awake(): Promise<CrashProcess> {
    starting ??= (async () => {
      if (process.isAlive()) return;
      await blow.heal?.(process);
      await noteOutage();
      await process.start(now);
    })();
    await starting.finally(() => {
      starting = null;
    });
    return process;
  }

  /** Asks until there is an answer; the platform may die under it. */
  async function insist(ask: (to: CrashProcess) => Promise<Reply>): Promise<unknown> {
    for (let tries = 0; tries < TRIES; tries++) {
      const to = await awake();
      asked += 1;
      const reply = await ask(to);
      if (reply === null) deaths += 1;
      else if (reply.error === null) return reply.value;
      else if (reply.error !== 'outcome_unknown' && reply.error !== 'CONNECTION_CLOSED') throw new Error(reply.error);
      else {
        await blow.heal?.(process);
        now += AGAIN_MS;
        if ((await to.ask({ kind: 'move', at: now })) === null) deaths += 1;
      }
    }
    throw new Error(`${openingId}: no answer after ${TRIES} tries`);
  }

  const stateNow = async (): Promise<OpeningState> =>
    (await insist((to) => to.ask({ kind: 'state', openingId }))) as OpeningState;

  /** The state, once host and witness have resumed what an outage has suspended. */
  async function goOn(): Promise<OpeningState> {
    const state = await stateNow();
    const resuming = await script.resume(state);
    for (const submission of resuming) await deliver(submission);
    return resuming.length === 0 ? state : stateNow();
  }

  /** Sets the clock, and lets the heart beat at the new hour. */
  async function jump(step: string): Promise<void> {
    if (blow.jump === undefined || setting.isStruck?.(step) === false) return;
    const byMs = blow.jump.by();
    jumps += 1;
    now += byMs;
    if (blow.jump.isDead) await process.kill();
    else {
      await noteOutage();
      await insist((to) => to.ask({ kind: 'jump', byMs }));
    }
    now += HEARTBEAT_MS;
    await insist((to) => to.ask({ kind: 'move', at: now }));
  }

  /** Arms the point, or strikes as soon as the step has been sent. */
  async function strike(step: string): Promise<void> {
    if (setting.isStruck?.(step) === false) return;
    const platform = await awake();
    if (blow.point !== undefined) await platform.ask({ kind: 'arm', point: blow.point });
    await blow.befall?.();
  }

  async function deliver(submission: Submission): Promise<void> {
    const each: Sent = { submission, sentAt: now, given: [], answer: null, answeredAt: null, isGivenUp: false };
    sent.push(each);
    const answer = (await insist((to) => to.ask({ kind: 'submit', submission }))) as Answer;
    each.given.push(answer);
    each.answer = answer;
    if (answer.outcome === 'refused') throw new Error(`${submission.type} is refused: ${answer.code}`);
  }

  /** Lets time pass until the clock has spoken. */
  async function letPass(
    name: string,
    { until, hasSpoken }: NonNullable<Step['clock']>,
    before: OpeningState,
  ): Promise<void> {
    let state = before;
    for (let tries = 0; tries < TRIES; tries++) {
      // A death that lasts is an outage, after which a window keeps its remainder: what is waited for comes later.
      now = Math.max(now + (tries === 0 ? 0 : AGAIN_MS), until(state));
      await insist((to) => to.ask({ kind: 'move', at: now }));
      state = await goOn();
      if (hasSpoken(state)) return;
      // A platform that cannot write lets nobody know but its operator.
      await blow.heal?.(process);
    }
    throw new Error(
      `${openingId}: ${name} has not come after ${TRIES} tries, at ${formatInstant(now)}: ${JSON.stringify({ phase: state.phase, suspended: state.suspended, window: state.window })}`,
    );
  }

  try {
    await strike('CreateOpening');
    await insist((to) => to.ask({ kind: 'create', request: script.create }));
    for (const step of script.steps) {
      await jump(step.name);
      const state = await goOn();
      const submissions = (await step.send?.(state)) ?? [];
      await strike(step.name);
      // One after another comes back to a platform that is dead already, so they are sent at once and asked again one by one.
      await Promise.all(submissions.map(deliver));
      if (step.clock !== undefined) await letPass(step.name, step.clock, state);
      if (process.isAlive()) await process.ask({ kind: 'arm', point: null });
    }
    const vkeyOf = async (of: string, log: LogKind): Promise<string> =>
      (await insist((to) => to.ask({ kind: 'vkey', origin: of, log }))) as string;
    const [vkey, ledgerVkey] = [await vkeyOf(origin, 'opening'), await vkeyOf(LEDGER, 'ledger')];
    await process.kill();
    const log = await checkEnded(sql, { openingId, origin, vkey, sent, viewers: [], outages, heldMs: 2_000 });
    const verified = await verifyStored(sql, await readStored(sql, LEDGER), ledgerVkey);
    holds(verified.ok, 'ledger_holds_heads', 'ledger', () => JSON.stringify(verified));
    return { blow: blow.name, deaths, asked, entries: log.size, jumps };
  } finally {
    // A child that lives on keeps its parent from ending.
    await process.kill();
  }
}

async function enterStaff(sql: Sql, town: Town): Promise<void> {
  for (const { who } of STAFF.map((role): Person => town.staff[role])) {
    const { account, creditCode, name } = who;
    await sql`INSERT INTO accounts (id, credit_code, person_id, organisation, name, kind, created_at)
      VALUES (${account}, ${creditCode}, ${account.slice(creditCode.length + 1)}, ${name}, ${name}, 'official', ${START_AT})
      ON CONFLICT DO NOTHING`;
  }
}
