/** `npm run soak`: simulated openings in batches, each replayed by its own seed when an invariant breaks; `--cosigners`: with two cosigners, one of which may say anything; `--crash`: the crash matrix; `--envelopes`: mutated envelopes. */
import { parseArgs } from 'node:util';
import { systemWorld } from '../../server/world.ts';
import { BATCH_LIMIT, type BatchEnd, batchesOf, commandOf, runBatch, sumOf } from './batches.ts';
import { ROWS } from './crash-matrix.ts';
import { mutateEnvelopes } from './envelopes.ts';
import { makeTown } from './people.ts';
import { START_AT, type Summary } from './simulate.ts';
import { ViolationError } from './violations.ts';

const REPORT_EVERY = 50;
const ENVELOPES_REPORT_EVERY = 2_000;
const SEED_BYTES = 6;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    openings: { type: 'string', default: '1000' },
    /** How many run side by side; a part of what a seed means, like the number of openings is not. */
    together: { type: 'string', default: '32' },
    seed: { type: 'string' },
    /** The first batch to run, to go on with a long run that was broken off. */
    from: { type: 'string', default: '1' },
    /** The crash matrix instead: all rows, or those named. */
    crash: { type: 'boolean', default: false },
    cosigners: { type: 'boolean', default: false },
    /** So many mutated envelopes instead. */
    envelopes: { type: 'string' },
  },
});
const seed = values.seed ?? Buffer.from(systemWorld.randomBytes(SEED_BYTES)).toString('hex');
if (values.envelopes !== undefined) await envelopes(Number(values.envelopes));
else if (values.crash) await crash();
else await soak();

async function envelopes(count: number): Promise<void> {
  if (!Number.isSafeInteger(count)) throw new Error('--envelopes is a whole number');
  const found = await mutateEnvelopes(seed, count, (soFar, done) => {
    if (done % ENVELOPES_REPORT_EVERY === 0) console.error(`${done} envelopes, ${soFar.peakRssMb} MB`);
  });
  console.log(JSON.stringify(found, null, 2));
}

async function crash(): Promise<void> {
  const ends: (() => Promise<void>)[] = [];
  const t = { teardown: (act: () => Promise<void>) => void ends.unshift(act) };
  const town = await makeTown(START_AT);
  for (const name of positionals.length > 0 ? positionals : ROWS.keys()) {
    const row = ROWS.get(name);
    if (row === undefined) throw new Error(`no row is called ${name}; there are ${[...ROWS.keys()].join(', ')}`);
    const beganAt = performance.now();
    let found: unknown;
    try {
      found = await row({ t, town });
    } catch (error) {
      if (error instanceof ViolationError) for (const line of error.course) console.error(line);
      console.error(error instanceof Error ? error.stack : error);
      console.error(`again: npm run soak -- --crash ${name}`);
      found = { blow: name, failed: true };
      process.exitCode = 1;
    } finally {
      for (const end of ends.splice(0)) await end();
    }
    const seconds = Math.round((performance.now() - beganAt) / 1000);
    console.log(JSON.stringify({ ...(found as object), seconds }));
  }
}

/** All batches, one after the other; one that fails does not keep the others from running. */
async function soak(): Promise<void> {
  const asked = {
    seed,
    openings: Number(values.openings),
    together: Number(values.together),
    ...(values.cosigners && { isCosigned: true }),
  };
  if (!Number.isSafeInteger(asked.openings) || !Number.isSafeInteger(asked.together) || asked.together < 1)
    throw new Error('--openings and --together are whole numbers');
  const first = Number(values.from);
  const all = batchesOf(asked);
  if (!Number.isSafeInteger(first) || first < 1 || first > all.length)
    throw new Error(`--from is one of the batches 1 to ${all.length}`);
  const batches = all.slice(first - 1);
  const ended: BatchEnd[] = [];
  for (const [n, batch] of batches.entries()) {
    const summaries = ended.map(({ summary }) => summary);
    const end = await runBatch(batch, (soFar) => {
      if (soFar.openings % REPORT_EVERY === 0) report([...summaries, soFar], `batch ${first + n} of ${all.length}`);
    });
    ended.push(end);
    if (end.found !== null) for (const line of [...end.found.story, end.found.why]) console.error(line);
    if (end.found !== null) console.error(`again: ${commandOf(batch)}`);
  }
  const failed = ended.flatMap(({ batch, found }) =>
    found === null ? [] : [{ why: found.why, again: commandOf(batch) }],
  );
  if (failed.length > 0) process.exitCode = 1;
  const summary = sumOf(
    seed,
    ended.map(({ summary }) => summary),
  );
  console.log(JSON.stringify({ ...summary, batches: batches.length, batchLimit: BATCH_LIMIT, failed }, null, 2));
}

function report(summaries: readonly Summary[], where: string): void {
  const { openings, entries, acts, restarts, seconds } = sumOf(seed, summaries);
  const deaths = Object.values(restarts).reduce((sum, count) => sum + count, 0);
  const said = `${openings} openings, ${acts} acts, ${entries} entries, ${deaths} restarts, ${Math.round(seconds)} s`;
  console.error(`${said} (${where})`);
}
