/** `kaibiao decrypt` and `hand-in`: the content key to the opening, by oneself or by whoever can still reach the platform. */
import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { createApi } from '../../client/api.ts';
import { EXIT, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { decrypt, handIn, makeDecryption, outcomeOf, readDecryptionFile } from '../person/decrypt.ts';
import { showQueuePlace } from '../person/queue-place.ts';
import { enter, needPositionals, parsePerson } from './options.ts';

/** Decrypts, or with --out writes what somebody else can hand in. Returns: 1 when the vault says it did not open; of a blind window it says nothing yet. */
export async function decryptBid(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parsePerson(argv, ['opening'], { out: { type: 'string' } as const });
  const [openingId = ''] = positionals;
  const person = await enter(values, io);
  if (values.out !== undefined) {
    const file = await makeDecryption(person, openingId);
    await writeFile(values.out, `${JSON.stringify(file)}\n`, { mode: 0o600 });
    io.out(
      `${values.out}: anyone may hand it in, nobody can read the key in it · 任何人均可代交，他人无法读取其中密钥`,
    );
    return EXIT.done;
  }
  const { seq, receivedAt } = await decrypt(person, openingId);
  io.out(`received ${receivedAt ?? ''} as entry ${seq} · 已收到`);
  const queue = showQueuePlace(io, person, openingId);
  const { outcome, bidder } = await outcomeOf(person, openingId).finally(queue.end);
  if (outcome === 'undecided') {
    io.out(
      `  bidder ${bidder}: decided after the window, once its holders give the key · 解密时限结束、密钥由持有人给出后核验`,
    );
    return EXIT.done;
  }
  io.out(`  bidder ${bidder}: ${outcome}`);
  return outcome === 'decrypted' ? EXIT.done : EXIT.refused;
}

/** Hands a decryption in, without keys and without a login. */
export async function handInFile(argv: readonly string[], io: Io): Promise<number> {
  const options = { url: { type: 'string' } } as const;
  const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
  needPositionals(positionals, ['file']);
  if (values.url === undefined || !URL.canParse(values.url)) throw new UsageError('--url is missing or no address.');
  const file = readDecryptionFile(await readFile(positionals[0] ?? '', 'utf8'));
  const api = createApi({ origin: new URL(values.url).origin, world: io.world, fetch: io.fetch });
  const { entries } = await handIn(api, file);
  io.out(`handed in, ${entries.length} entries · 已代交`);
  return EXIT.done;
}
