/** Where a person's keys lie, as the page uses them: files in its worker, a token behind the agent on this computer, or a phone. */

import { sha256 } from '@noble/hashes/sha2.js';
import { signal } from '@preact/signals';
import { AgentProblemError, agentKeys, askByHttp, beginPairing, endPairing } from '../../server/client/agent-keys.ts';
import { agentOrigin } from '../../server/client/agent-protocol.ts';
import { type KeyAgent, KeyAgentError } from '../../server/client/key-agent.ts';
import { phoneProblem } from '../../server/client/phone-protocol.ts';
import type { ClientWorld, Transport } from '../../server/client/transport.ts';
import { openKeyRoom, type UsableKey } from './key-room.ts';
import type { Pairing } from './phone-keys.ts';
import { phoneMail } from './phone-mail.ts';

/** Keys for as long as a seat is held. */
export type SeatKeys = KeyAgent & {
  /** Whether a key may be tried on what this page has wrapped itself; an agent unwraps only upon the proof of a window. */
  readonly isTryable: boolean;
  /** Lets go of them. */
  close(): void;
};

/** The digits that the agent, or the phone, shows beside the question it is asking at the moment; null when nothing is asked. */
export const askedElsewhere = signal<{ readonly at: 'agent' | 'phone'; readonly digits: string } | null>(null);

const noting =
  (at: 'agent' | 'phone') =>
  (digits: string | null): void => {
    askedElsewhere.value = digits === null ? null : { at, digits };
  };

/** What a paired page proves itself by; it goes with the tab. */
const REMEMBERED = 'kaibiao-agent';

/** Opens PKCS#12 files in a worker. Throws: KeyFileError. */
export async function fileKeys(files: readonly Blob[], password: string): Promise<SeatKeys> {
  const room = openKeyRoom(sha256);
  const keys: UsableKey[] = [];
  try {
    for (const file of files) keys.push(...(await room.open(file, password)));
  } catch (fault) {
    room.close();
    throw fault;
  }
  return {
    listCertificates: async () => keys.map(({ listed }) => listed),
    async signer(certSha256) {
      const found = keys.find(({ listed }) => listed.certSha256 === certSha256);
      if (found === undefined) throw new KeyAgentError('key_not_held', `no key for certificate ${certSha256}`);
      return found.signer;
    },
    unwrapper: async (certSha256) => room.unwrapper(certSha256),
    isTryable: true,
    close: () => room.close(),
  };
}

/** Types what the agent's window shows. Throws: AgentProblemError. */
export type TypeCode = (code: string) => Promise<SeatKeys>;

/**
 * The keys of the agent on this computer.
 *
 * Shape:   `port` as the platform says; `isNew` forgets an earlier pairing.
 * Returns: the keys where this tab is paired already, else what takes the code that the agent now shows.
 * Throws:  AgentProblemError agent_unreachable and whatever the agent says.
 */
export async function tokenKeys(port: number, isNew = false): Promise<SeatKeys | TypeCode> {
  const link = {
    origin: agentOrigin(port),
    sha256,
    fetch: (...request: Parameters<typeof fetch>) => fetch(...request),
  };
  const keysBy = (token: string): SeatKeys => ({
    ...agentKeys(sha256, askByHttp(link, token), noting('agent')),
    isTryable: false,
    close: () => undefined,
  });
  const remembered = sessionStorage.getItem(REMEMBERED);
  if (remembered !== null && !isNew) {
    const keys = keysBy(remembered);
    try {
      await keys.listCertificates();
      return keys;
    } catch (fault) {
      // an agent that was started anew knows nobody
      if (!(fault instanceof AgentProblemError) || fault.code !== 'agent_not_paired') throw fault;
      sessionStorage.removeItem(REMEMBERED);
    }
  }
  const pairing = await beginPairing(link);
  return async (code) => {
    const token = await endPairing(link, pairing, code);
    sessionStorage.setItem(REMEMBERED, token);
    return keysBy(token);
  };
}

/** Begins a pairing with a phone, whose page this server has too. Throws: AgentProblemError phone_not_secure where the browser gives no WebCrypto. */
export async function phoneKeys(transport: Transport, world: ClientWorld): Promise<Pairing> {
  const subtle = (globalThis.crypto as Crypto | undefined)?.subtle;
  if (subtle === undefined) throw phoneProblem('phone_not_secure');
  const { pairPhone } = await import('./phone-keys.ts');
  const { origin } = transport;
  return pairPhone({ subtle, mail: phoneMail(transport), world, origin, onUse: noting('phone') });
}
