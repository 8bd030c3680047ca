/** `kaibiao cosign`: a supervisor's own cosigner — made once, enrolled for a ledger, served until it is told to stop. */
import { parseArgs } from 'node:util';
import { filesOf, makeCosigner, readCosignerKey } from '../../cosign/cosigner-folder.ts';
import { serveCosigner } from '../../cosign/cosigner-server.ts';
import { enrolLog } from '../../cosign/enrolled-logs.ts';
import { EXIT, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { portOf } from './port.ts';

const options = {
  name: { type: 'string' },
  origin: { type: 'string' },
  host: { type: 'string', default: '127.0.0.1' },
  port: { type: 'string', default: '8700' },
  'clock-is-right': { type: 'boolean', default: false },
} as const;

/** Runs one of its three parts; a second signal ends the server at once. */
export async function cosign(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
  const [part, folder, vkey, ...rest] = positionals;
  if (folder === undefined || rest.length > 0 || (part === 'enrol') !== (vkey !== undefined))
    throw new UsageError('Say what to do in which folder; enrol takes a vkey as well.');
  if (part === 'init') {
    if (values.name === undefined)
      throw new UsageError('--name says what the cosigner is called: a name of your own, as cosigner.example/1.');
    io.out((await makeCosigner(folder, values.name, io.world.randomBytes)).vkey);
    return EXIT.done;
  }
  if (part === 'enrol' && vkey !== undefined) {
    io.out(`enrolled · 已登记: ${await enrolLog(filesOf(folder).logs, vkey, values.origin)}`);
    return EXIT.done;
  }
  if (part !== 'serve') throw new UsageError('It is init, enrol or serve.');
  const { host } = values;
  return serve({ folder, host, port: portOf(values.port), isClockRight: values['clock-is-right'] }, io);
}

async function serve(address: Parameters<typeof serveCosigner>[0], io: Io): Promise<number> {
  const { vkey } = await readCosignerKey(address.folder);
  const server = await serveCosigner(address, io.world, (error) =>
    io.err(`cannot sign · 无法联署: ${error instanceof Error ? error.message : String(error)}`),
  );
  io.out(vkey);
  io.out(server.url);
  await new Promise<void>((stop) => {
    process.once('SIGINT', () => stop());
    process.once('SIGTERM', () => stop());
  });
  await server.close();
  return EXIT.done;
}
