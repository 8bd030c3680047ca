/** `kaibiao agent`: a person's token for the pages of named platforms, on this computer, with a question for each use. */

import { X509Certificate } from 'node:crypto';
import { parseArgs } from 'node:util';
import { AGENT_PORT } from '../../client/agent-protocol.ts';
import { plain } from '../../client/what-is-signed.ts';
import { verifyJwsSignature } from '../../identity/signature.ts';
import { readOrigin } from '../../setting.ts';
import { createAgent } from '../agent/agent.ts';
import { serveAgent } from '../agent/agent-server.ts';
import { loadCryptoki } from '../agent/cryptoki.ts';
import { terminalSurface } from '../agent/on-terminal.ts';
import { openToken } from '../agent/token.ts';
import { EXIT, UsageError } from '../exit.ts';
import type { Io } from '../io.ts';
import { needPositionals } from './options.ts';
import { portOf } from './port.ts';

/** Runs until it is interrupted. Throws: UsageError; TokenError binding_missing, module_unusable, token_missing. */
export async function agent(argv: readonly string[], io: Io): Promise<number> {
  const string = { type: 'string' } as const;
  const options = { module: string, token: string, port: string, origin: { type: 'string', multiple: true } } as const;
  const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
  needPositionals(positionals, []);
  const { module, token: label, origin: origins = [] } = values;
  if (module === undefined) throw new UsageError('--module is missing: the PKCS#11 library that came with the token.');
  if (origins.length === 0) throw new UsageError('--origin is missing: the address of the platform, https://….');
  for (const origin of origins) needOrigin(origin);
  const port = portOf(values.port ?? String(AGENT_PORT));
  const { asks } = io;
  if (asks === undefined)
    throw new UsageError('The agent asks its person before each use: it needs a terminal to ask on.');

  const cryptoki = await loadCryptoki(module);
  const token = openToken({
    cryptoki,
    label,
    askPin: ({ label: name, isLastTry }) =>
      io.askSecret(
        `  PIN of ${JSON.stringify(name)}${isLastTry ? ', LAST TRY before it locks' : ''} · PIN 码${isLastTry ? '（最后一次机会，再错将锁定）' : ''}: `,
      ),
  });
  for (const { certificate } of token.certificates()) io.out(`certificate · 证书 ${subjectOf(certificate)}`);
  const surface = terminalSurface(io, asks);
  const keys = createAgent({ token, surface, world: io.world, verifySignature: verifyJwsSignature });
  const server = await serveAgent(keys, {
    origins,
    port,
    onFault: (fault) => io.err(fault instanceof Error ? fault.message : String(fault)),
  });
  io.out(`${server.url} ← ${origins.join(', ')}`);
  await new Promise<void>((stop) => {
    process.once('SIGINT', () => stop());
    process.once('SIGTERM', () => stop());
  });
  await server.close();
  token.close();
  cryptoki.finalize();
  return EXIT.done;
}

/** What a person knows their certificate by; the name in it is not ours to trust on a terminal. */
function subjectOf(certificate: Uint8Array): string {
  return plain(new X509Certificate(certificate).subject.replaceAll('\n', ', '));
}

function needOrigin(origin: string): void {
  try {
    readOrigin(origin);
  } catch (fault) {
    throw new UsageError(`--origin ${origin} ${(fault as Error).message}.`);
  }
}
