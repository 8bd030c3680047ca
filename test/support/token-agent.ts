/** A key agent over a token in software, at whose window a person says yes to everything: for tests of the pages. */
import { mkdir } from 'node:fs/promises';
import { createAgent } from '../../server/cli/agent/agent.ts';
import { serveAgent } from '../../server/cli/agent/agent-server.ts';
import { loadCryptoki } from '../../server/cli/agent/cryptoki.ts';
import { openToken } from '../../server/cli/agent/token.ts';
import { TokenError } from '../../server/cli/agent/token-error.ts';
import type { Issued } from '../../server/cli/demo/ca.ts';
import type { Consent } from '../../server/client/key-desk.ts';
import { verifyJwsSignature } from '../../server/identity/signature.ts';
import type { World } from '../../server/world.ts';
import { newFolder } from './folder.ts';
import { personToken } from './soft-hsm.ts';

export type TokenAgent = {
  readonly url: string;
  /** What its window showed, the newest last. */
  readonly codes: readonly string[];
  readonly asked: readonly Consent[];
  /** Whether the person says yes from now on. */
  answer(agrees: boolean): void;
};

/** Starts one that goes with the test. Returns: a sentence why there is none, for a test that must say so loudly. */
export async function startTokenAgent(
  t: { teardown(act: () => Promise<void>): void },
  served: {
    readonly issued: readonly Issued[];
    readonly origins: readonly string[];
    readonly port: number;
    readonly world: World;
  },
): Promise<TokenAgent | string> {
  const folder = await newFolder(t, 'token');
  await mkdir(folder);
  const made = await personToken(folder, 'bidder', served.issued);
  if (typeof made === 'string') return made;
  process.env['SOFTHSM2_CONF'] = made.conf;
  try {
    const cryptoki = await loadCryptoki(made.module);
    const token = openToken({ cryptoki, label: 'bidder', askPin: async () => made.pin });
    const codes: string[] = [];
    const asked: Consent[] = [];
    let agrees = true;
    const surface = {
      showCode: ({ code }: { code: string }) => void codes.push(code),
      async agrees(consent: Consent) {
        asked.push(consent);
        return agrees;
      },
    };
    const agent = createAgent({ token, surface, world: served.world, verifySignature: verifyJwsSignature });
    const faults: unknown[] = [];
    const server = await serveAgent(agent, {
      origins: served.origins,
      port: served.port,
      onFault: (fault) => void faults.push(fault),
    });
    t.teardown(async () => {
      await server.close();
      token.close();
      cryptoki.finalize();
      if (faults.length > 0) throw faults[0];
    });
    const answer = (yes: boolean): void => {
      agrees = yes;
    };
    return { url: server.url, codes, asked, answer };
  } catch (fault) {
    if (fault instanceof TokenError && fault.code === 'binding_missing') return fault.message;
    throw fault;
  }
}
