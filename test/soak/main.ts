/** `npm run soak`: simulated openings until an invariant breaks or all have ended, with the seed that replays it; `--crash`: the crash matrix. */
import { parseArgs } from 'node:util';
import { systemWorld } from '../../server/world.ts';
import { ROWS } from './crash-matrix.ts';
import { makeTown } from './people.ts';
import { START_AT, simulate } from './simulate.ts';
import { ownCluster, soakStage } from './stage.ts';
import { ViolationError } from './violations.ts';

const REPORT_EVERY = 100;
const SEED_BYTES = 6;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    openings: { type: 'string', default: '1000' },
    /** How many run side by side; a part of what a seed means, like the number of openings is not. */
    together: { type: 'string', default: '32' },
    seed: { type: 'string' },
    /** The crash matrix instead: all rows, or those named. */
    crash: { type: 'boolean', default: false },
  },
});
const seed = values.seed ?? Buffer.from(systemWorld.randomBytes(SEED_BYTES)).toString('hex');
const ends: (() => Promise<void>)[] = [];
const t = { teardown: (act: () => Promise<void>) => void ends.unshift(act) };
try {
  if (values.crash) await crash();
  else await soak();
} catch (error) {
  if (error instanceof ViolationError) for (const line of error.course) console.error(line);
  console.error(error instanceof Error ? error.stack : error);
  if (!values.crash)
    console.error(`again: npm run soak -- --seed ${seed} --openings ${values.openings} --together ${values.together}`);
  process.exitCode = 1;
} finally {
  for (const end of ends) await end();
}

async function crash(): Promise<void> {
  const town = await makeTown(START_AT);
  for (const name of positionals.length > 0 ? positionals : ROWS.keys()) {
    const row = ROWS.get(name);
    if (row === undefined) throw new Error(`no row is called ${name}; there are ${[...ROWS.keys()].join(', ')}`);
    const beganAt = performance.now();
    const found = await row({ t, town });
    const seconds = Math.round((performance.now() - beganAt) / 1000);
    console.log(JSON.stringify({ ...(found as object), seconds }));
  }
}

async function soak(): Promise<void> {
  const { courses: _courses, ...summary } = await simulate({
    ...(await soakStage(t, () => ownCluster(t))),
    seed,
    openings: Number(values.openings),
    together: Number(values.together),
    onProgress: ({ openings, entries, seconds }) => {
      if (openings % REPORT_EVERY === 0) console.error(`${openings} openings, ${entries} entries, ${seconds} s`);
    },
  });
  console.log(JSON.stringify(summary, null, 2));
}
