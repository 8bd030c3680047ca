/** Keys opened on this phone, behind the same desk as a token's: it answers a page elsewhere, and every use is asked for here. */
import { sha256 } from '@noble/hashes/sha2.js';
import type { AgentProblem } from '../../server/client/agent-protocol.ts';
import { AgentError, type Consent, createKeyDesk, type DeskKeys } from '../../server/client/key-desk.ts';
import { PHONE_MESSAGE_MS } from '../../server/client/phone-limits.ts';
import { PHONE_REFUSALS, type PhoneRefusal, phoneRefusal } from '../../server/client/phone-protocol.ts';
import { SEAL_ERRORS, SealError } from '../../server/client/seal-error.ts';
import type { ClientWorld } from '../../server/client/transport.ts';
import { toBase64Url } from '../../server/core/log/base64.ts';
import type { JsonObject } from '../../server/core/log/canonical.ts';
import { KeyFileError } from '../keys/key-file-error.ts';
import { openKeyRoom, type UsableKey } from '../keys/key-room.ts';
import { browserVerifyJws } from '../keys/verify-jws.ts';
import { browserEd25519 } from '../replica/verify-ed25519.ts';

export type HoldNeeds = {
  readonly subtle: SubtleCrypto;
  readonly world: ClientWorld;
  /** Of the page elsewhere: it comes from the same platform as this one, or nothing is signed. */
  readonly origin: string;
  agrees(consent: Consent, signal: AbortSignal): Promise<boolean>;
};

export type Held = {
  /** Whose the certificates are, as each says of itself. */
  readonly keys: readonly UsableKey[];
  /** Never throws for what is the page's fault, or the person's no. */
  answer(path: string, body: unknown, signal: AbortSignal): Promise<{ answer: JsonObject } | { problem: AgentProblem }>;
  close(): void;
};

/** Opens PKCS#12 files in a worker of this page; they go nowhere else. Throws: KeyFileError. */
export async function holdKeys(
  { subtle, world, origin, agrees }: HoldNeeds,
  files: readonly Blob[],
  password: string,
): Promise<Held> {
  const room = openKeyRoom(sha256);
  const keys: UsableKey[] = [];
  try {
    for (const file of files) keys.push(...(await room.open(file, password)));
  } catch (fault) {
    room.close();
    throw fault;
  }
  const keyOf = (certificate: Uint8Array): UsableKey => {
    const certSha256 = toBase64Url(sha256(certificate));
    const found = keys.find(({ listed }) => listed.certSha256 === certSha256);
    if (found === undefined) throw new AgentError('agent_key_missing');
    return found;
  };
  const deskKeys: DeskKeys = {
    certificates: () => keys.map(({ signer: { certificate, chain } }) => ({ certificate, chain })),
    algorithmOf: (certificate) => keyOf(certificate).signer.alg,
    sign: (certificate, data) => keyOf(certificate).signer.sign(data),
    unwrap: (certificate, recipient) => room.unwrapper(keyOf(certificate).listed.certSha256)(recipient),
  };
  const desk = createKeyDesk({
    keys: deskKeys,
    agrees,
    // a question is as short-lived as the code was
    consentMs: PHONE_MESSAGE_MS,
    world,
    sha256,
    verifySignature: browserVerifyJws(subtle),
    verifyEd25519: browserEd25519(subtle),
  });
  return {
    keys,
    async answer(path, body, signal) {
      try {
        return { answer: (await desk.answer({ path, page: 'desktop', origin, body, signal })) as JsonObject };
      } catch (fault) {
        const problem = problemOf(fault);
        if (problem === null) throw fault;
        return { problem };
      }
    },
    close: () => room.close(),
  };
}

/** Null for what is a fault of this page. */
function problemOf(fault: unknown): AgentProblem | null {
  if (fault instanceof SealError) return { code: fault.code, ...SEAL_ERRORS[fault.code] };
  const code = codeOf(fault);
  return code === null ? null : { code, ...PHONE_REFUSALS[code] };
}

function codeOf(fault: unknown): PhoneRefusal | null {
  if (fault instanceof AgentError) return phoneRefusal(fault.code);
  return fault instanceof KeyFileError && fault.code === 'key_cannot_unwrap' ? 'phone_cannot_unwrap' : null;
}
