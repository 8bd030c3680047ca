/** `kaibiao draw`: a share of one's own in the drawing of the coefficient, promised first and shown when all promises are in. */
import { EXIT, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { commitShare, showShare } from '../person/drawing.ts';
import { enter, parsePerson, readRole } from './options.ts';

/** Promises a share, or with --show shows it. Returns: 1 when the share was left out. */
export async function draw(argv: readonly string[], io: Io): Promise<number> {
  const options = { role: { type: 'string' }, show: { type: 'boolean', default: false } } as const;
  const { values, positionals } = parsePerson(argv, ['opening'], options);
  const role = readRole(values.role, 'bidder');
  if (role !== 'bidder' && role !== 'witness') throw new UsageError('--role is bidder or witness.');
  const [openingId = ''] = positionals;
  const person = await enter(values, io);
  const { seq, type } = await (values.show ? showShare : commitShare)(person, openingId, role);
  io.out(`entry ${seq} ${type}: proven · 已证明`);
  if (type !== 'ShareLeftOut') return EXIT.done;
  io.err('The share is not what it promises and was left out · 份额与承诺不符，不予采用。');
  return EXIT.refused;
}
