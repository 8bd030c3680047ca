/** Simulated openings on the real recorder, ledger, hall and PostgreSQL: every invariant holds, and the same seed takes the same course. */
import { PHASES } from '../../server/core/opening/phases.ts';
import t from '../support/tap.ts';
import { simulate } from './simulate.ts';
import { soakStage } from './stage.ts';

const OPENINGS = 100;
const TOGETHER = 32;
const COSIGNED = 4;
/** Of the openings that are run twice, which is dearer. */
const TWICE = 4;

// Just below what the runner allows a file; on an idle machine it takes a minute.
t.setTimeout(290_000);

t.test(`${OPENINGS} openings, with a faulty network and a platform that dies now and then`, async (t) => {
  const seed = 'npm test';
  t.comment(`npm run soak -- --seed '${seed}' --openings ${OPENINGS} --together ${TOGETHER}`);
  const summary = await simulate({ ...(await soakStage(t)), seed, openings: OPENINGS, together: TOGETHER });
  t.comment(JSON.stringify(summary));
  t.equal(summary.openings, OPENINGS, 'all came to their end');
  t.strictSame(Object.keys(summary.phases).sort(), [...PHASES].sort(), 'every phase was come to');
  for (const event of [
    'CorrectionMade',
    'LayerOpened',
    'CoefficientDrawn',
    'QuotesReleased',
    'BackupReceived',
    'RoleWithdrawn',
  ])
    t.ok((summary.events[event] ?? 0) > 0, `${event} stands on some log`);
  t.ok(Object.keys(summary.restarts).length > 0, 'and the platform died on the way');
});

t.test('with two cosigners, of which one dies and comes back and the other may answer anything', async (t) => {
  const seed = 'cosigned';
  t.comment(`npm run soak -- --seed '${seed}' --openings ${COSIGNED} --together ${COSIGNED} --cosigners`);
  const setting = { seed, openings: COSIGNED, together: COSIGNED, isCosigned: true };
  const summary = await simulate({ ...(await soakStage(t)), ...setting });
  t.equal(summary.openings, COSIGNED, 'all came to their end');
  const { 'closed cosigned': cosigned = 0, 'closed uncosigned': uncosigned = 0 } = summary.events;
  t.equal(cosigned + uncosigned, summary.events['OpeningClosed'] ?? 0, 'each close was held against its cosignatures');
  t.ok(cosigned + uncosigned > 0, 'and there were some');
});

t.test('the same seed takes the same course', async (t) => {
  const run = async () => {
    const courses: [string, string][] = [];
    const onCourse = (...course: [string, string]): void => void courses.push(course);
    const setting = { seed: 'twice', openings: TWICE, together: TWICE, isPeaceful: true, onCourse };
    await simulate({ ...(await soakStage(t)), ...setting });
    // Of one instant the order is the database's; how many entries stood there when the vault had looked, too.
    return courses
      .map(([openingId, course]) => [
        openingId,
        course
          .replaceAll(/@[0-9]+/g, '')
          .split('\n')
          .sort(),
      ])
      .sort();
  };
  t.strictSame(await run(), await run());
});
