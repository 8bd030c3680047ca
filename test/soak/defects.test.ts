/** A platform that errs is found out: each defect that is put into a simulation breaks the very invariant that is there for it. */
import { type Entry, parseEntry } from '../../server/core/log/entry.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import type { Down } from '../../server/core/wire/down.ts';
import { message } from '../../server/live/text-frame.ts';
import type { Recorder } from '../../server/recorder/recorder.ts';
import type { Signer } from '../../server/recorder/signer.ts';
import type { Answer } from '../../server/recorder/submission.ts';
import { readFrames } from '../live/viewers.ts';
import { readGolden } from '../support/golden-log.ts';
import t from '../support/tap.ts';
import { checkCorrections, statesOf } from './final-checks.ts';
import type { Bend } from './opening-run.ts';
import { type Setting, simulate } from './simulate.ts';
import { soakStage } from './stage.ts';
import { holds, type Invariant, ViolationError } from './violations.ts';

const OPENINGS = 4;

t.setTimeout(230_000);

type Defect = Pick<Setting, 'defects' | 'bend' | 'trouble'>;

/** Changes what the recorder answers to commands of a type. */
function answering(type: string, change: (answer: Answer, nth: number) => Answer): Defect {
  let nth = 0;
  const recorder = (real: Recorder): Recorder => ({
    ...real,
    async submit(submission) {
      const answer = await real.submit(submission);
      return submission.type === type && answer.outcome === 'accepted' ? change(answer, nth++) : answer;
    },
  });
  return { defects: { recorder } };
}

/** Changes what viewers of a role are sent. */
function sending(role: string, change: (down: Down) => readonly Down[]): Defect {
  const bend: Bend = (viewer, bytes) => {
    if (viewer.role !== role) return bytes;
    const given = readFrames(bytes);
    const sent = given.flatMap((down) => (down.kind === 'entries' ? change(down) : [down]));
    if (sent.length === given.length && sent.every((down, n) => down === given[n])) return bytes;
    return sent.length === 0 ? null : Buffer.concat(sent.map(message));
  };
  return { bend };
}

/** The recorder says yes to a type of command and does nothing. */
function dropping(type: string): Defect {
  const recorder = (real: Recorder): Recorder => ({
    ...real,
    async submit(submission) {
      if (submission.type !== type) return real.submit(submission);
      const nothing = { entries: [], checkpoint: null, proofs: [], receipt: null, seqs: [] };
      return { outcome: 'accepted', ...nothing, actId: 'x'.repeat(22) };
    },
  });
  return { defects: { recorder } };
}

/** The recorder does what was asked once more, by itself. */
function repeating(type: string): Defect {
  const recorder = (real: Recorder): Recorder => ({
    ...real,
    async submit(submission) {
      const answer = await real.submit(submission);
      if (submission.type === type) await real.submit({ ...submission, command: `${submission.command}-again` });
      return answer;
    },
  });
  return { defects: { recorder } };
}

/** Those who lodged are told to the public with the sealing, not with the roster. */
function tellingNames(): Defect {
  const lodgements = new Map<string, string>();
  return {
    defects: {
      log: (real) => ({
        ...real,
        async disclosures(origin, from, to) {
          const found = await real.disclosures(origin, from, to);
          for (const { seq, field, disclosure } of found)
            if (field === 'lodgements') lodgements.set(`${origin} ${seq}`, disclosure);
          return found;
        },
      }),
    },
    ...sending('public', (down) => {
      if (down.kind !== 'entries') return [down];
      const disclosures = { ...down.disclosures };
      for (const { log, seq } of down.entries.map((text) => parseEntry(utf8(text)))) {
        const told = lodgements.get(`${log} ${seq}`);
        if (told !== undefined) disclosures[seq] = [...(disclosures[seq] ?? []), told];
      }
      return [{ ...down, disclosures }];
    }),
  };
}

/** Alarms as far off as these sound so much later. */
function oversleeping(lateMs: number, isFar: (delayMs: number) => boolean): Defect {
  return {
    defects: {
      world: (real) => ({
        ...real,
        after: (delayMs, alarm) => real.after(isFar(delayMs) ? delayMs + lateMs : delayMs, alarm),
      }),
    },
  };
}

/** The ledger is told of no opening's head. */
function tellingLedgerNothing(): Defect {
  const released =
    (real: Signer): Signer['released'] =>
    (origin) =>
      origin.includes('/opening/') ? null : real.released(origin);
  return { defects: { ledgerSigner: (real) => ({ ...real, released: released(real) }) } };
}

const otherRoot = (note: string): string =>
  note.replace(/^[^\n]*\n[^\n]*\n[^\n]*\n/, (head) => {
    const [origin = '', size = ''] = head.split('\n');
    return `${origin}\n${size}\n${'A'.repeat(43)}=\n`;
  });

const accepted = (answer: Answer): Extract<Answer, { outcome: 'accepted' }> => {
  if (answer.outcome === 'refused') throw new Error(answer.code);
  return answer;
};

const DEFECTS: readonly (readonly [what: string, defect: () => Defect, invariant: Invariant])[] = [
  ['drops a check-in that it acknowledged', () => dropping('CheckIn'), 'acknowledged_is_recorded'],
  ['records a rehearsal once more by itself', () => repeating('Rehearse'), 'acknowledged_is_recorded'],
  [
    'answers with another entry',
    () => answering('OpenWindow', (a) => ({ ...accepted(a), entries: ['{}'] })),
    'acknowledged_is_recorded',
  ],
  [
    'answers a repetition otherwise',
    () => ({
      ...answering('LodgeBid', (a, nth) => ({ ...accepted(a), receipt: `${nth}` })),
      trouble: { twice: 1 },
    }),
    'same_answer',
  ],
  [
    'signs another root',
    () => answering('PublishOpening', (a) => ({ ...accepted(a), checkpoint: otherRoot(accepted(a).checkpoint ?? '') })),
    'one_root_per_size',
  ],
  ['tells who lodged before the roster', tellingNames, 'nothing_before_its_time'],
  ['makes frames of its own for one of a sight', () => sending('tenderer', (down) => [{ ...down }]), 'equal_release'],
  [
    'swaps two entries for one viewer',
    () =>
      sending('tenderer', (down) => [
        down.kind === 'entries' && down.entries.length > 1 ? { ...down, entries: down.entries.toReversed() } : down,
      ]),
    'viewer_prefix',
  ],
  [
    'shows one viewer another entry',
    () =>
      sending('supervisor', (down) => [
        down.kind === 'entries'
          ? { ...down, entries: down.entries.map((text) => text.replace('"role":"host"', '"role":"tenderer"')) }
          : down,
      ]),
    'viewer_prefix',
  ],
  [
    'dates what it receives too early',
    () => ({ defects: { world: (real) => ({ ...real, now: () => real.now() - 700 }) } }),
    'received_in_order',
  ],
  ['oversleeps the end of a window', () => oversleeping(20_000, (delayMs) => delayMs > 2_000), 'windows_end_in_time'],
  ['takes its own late heart for an outage', () => oversleeping(4_000, (delayMs) => delayMs >= 400), 'outages_freeze'],
  ['tells the ledger of no head', tellingLedgerNothing, 'ledger_holds_heads'],
  [
    'withholds the roster from those it was published to',
    () => ({
      defects: {
        log: (real) => ({
          ...real,
          disclosures: async (...asked) => (await real.disclosures(...asked)).filter(({ field }) => field !== 'roster'),
        }),
      },
    }),
    'viewer_fold',
  ],
];

for (const [what, defect, invariant] of DEFECTS) {
  t.test(`a platform that ${what} breaks ${invariant}`, async (t) => {
    const setting = {
      ...(await soakStage(t)),
      seed: 'defects',
      openings: OPENINGS,
      together: OPENINGS,
      isPeaceful: true,
    };
    await t.rejects(simulate({ ...setting, ...defect() }), { name: ViolationError.name, invariant });
  });
}

// kaibiao verify refuses such a log before it comes to this; so that the check is not idle it is tried alone, on a log that is not so.
t.test('a correction that is not what was shown, by another, breaks corrections_as_shown', (t) => {
  const { entries: texts, fields } = readGolden('two-layers-and-a-ruling-corrected');
  const entries = texts.map((text) => parseEntry(utf8(text)));
  const values = texts.map((_text, seq) =>
    Object.fromEntries(Object.entries(fields[seq] ?? {}).map(([field, { value }]) => [field, value])),
  );
  const states = statesOf({ entries, values });
  const made = entries.findIndex(({ type }) => type === 'CorrectionMade');
  const check = (change: (entry: Entry) => Partial<Entry['body']> | null, after = states): void => {
    const said = entries.map((entry) => ({ ...entry, body: { ...entry.body, ...change(entry) } }) as Entry);
    checkCorrections({ entries: said, values }, after, (isSo, invariant, detail) =>
      holds(isSo, invariant, 'x', detail),
    );
  };
  check(() => null);
  const changed = states.map((state, seq) => (seq < made ? state : { ...state, prices: [] }));
  const broken: readonly (() => void)[] = [
    () => check(({ type }) => (type === 'CorrectionMade' ? { by: 'supervisor' } : null)),
    () => check(({ type }) => (type === 'CorrectionMade' ? { number: 2 } : null)),
    () => check(({ type }) => (type === 'CorrectionProposed' ? { effects: [] } : null)),
    () => check(() => null, changed as typeof states),
  ];
  for (const one of broken) t.throws(one, { name: ViolationError.name, invariant: 'corrections_as_shown' });
  t.end();
});

t.test('the same simulation without a defect breaks nothing', async (t) => {
  const setting = {
    ...(await soakStage(t)),
    seed: 'defects',
    openings: OPENINGS,
    together: OPENINGS,
    isPeaceful: true,
  };
  t.equal((await simulate(setting)).openings, OPENINGS);
});
