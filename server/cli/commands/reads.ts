/** `kaibiao reads`: who looked at what, by the access log. */
import { EXIT, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { readReads } from '../person/reads.ts';
import { enter, parsePerson } from './options.ts';

/** Lists one's own recorded reads, with --opening those of one opening; with --auditor everyone's of it. */
export async function reads(argv: readonly string[], io: Io): Promise<number> {
  const options = { opening: { type: 'string' }, auditor: { type: 'boolean', default: false } } as const;
  const { values } = parsePerson(argv, [], options);
  const { opening: openingId = null, auditor: asAuditor } = values;
  if (asAuditor && openingId === null) throw new UsageError('--auditor goes with --opening.');
  const person = await enter(values, io);
  const proven = await readReads(person, { openingId, asAuditor });
  for (const { seq, at, who, source, access } of proven) {
    const reason = who.reason === undefined ? '' : ` “${who.reason}”`;
    io.out(
      `${seq} ${at} ${who.role ?? ''} ${who.account} ${source.address}: ${access.what} ${access.openingId ?? ''}${reason}`,
    );
  }
  io.out(`${proven.length} reads, proven against the access log · 已按访问日志证明`);
  return EXIT.done;
}
