/** `kaibiao signer`: holds the platform's signing keys and their guard in a process of its own, until it is told to stop. */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readOwnConfig } from '../../config.ts';
import { serveSigner } from '../../signer/signer-server.ts';
import { EXIT, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { needPositionals } from './options.ts';

const options = {
  socket: { type: 'string' },
  group: { type: 'boolean', default: false },
} as const;

/** Serves the signer of a folder; prints the socket once it listens. A second signal ends it at once. */
export async function signer(argv: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
  needPositionals(positionals, ['folder']);
  const folder = resolve(positionals[0] ?? '');
  const { platform, signer: configured } = readOwnConfig();
  const socket = values.socket ?? configured ?? join(folder, 'socket');
  if (Buffer.byteLength(socket) > SOCKET_PATH_LIMIT_BYTES)
    throw new UsageError(
      `--socket: ${socket} is longer than ${SOCKET_PATH_LIMIT_BYTES} bytes, which no Unix socket may be.`,
    );
  const server = await serveSigner({ folder, platform, socket: resolve(socket), forGroup: values.group }, (error) =>
    io.err(`signer · 签名进程: ${error instanceof Error ? error.message : String(error)}`),
  );
  io.out(resolve(socket));
  await new Promise<void>((stop) => {
    process.once('SIGINT', () => stop());
    process.once('SIGTERM', () => stop());
  });
  await server.close();
  return EXIT.done;
}

/** `sun_path` of Linux and macOS, the shorter of both, with its closing zero. */
const SOCKET_PATH_LIMIT_BYTES = 103;
