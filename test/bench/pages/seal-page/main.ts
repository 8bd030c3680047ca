/** A page that seals the chosen file by the workers of the real pages, when the bench tells it to. */
import { fromBase64 } from '../../../../server/core/log/base64.ts';
import type { OpeningList } from '../../../../server/core/seal/opening-list.ts';
import { startSealing } from '../../../../web/seal/seal-room.ts';

/** Seals, and answers how long it took, in ms, with the envelope's digest. */
async function sealChosen(certificate: string, openingList: OpeningList): Promise<{ tookMs: number; sha256: string }> {
  const input = document.querySelector<HTMLInputElement>('#document');
  const content = input?.files?.[0];
  if (content === undefined) throw new Error('no file was chosen');
  const startedAt = performance.now();
  const { sealed } = await startSealing(
    {
      openingList,
      documents: [{ name: 'bid.bin', content }],
      toolFacts: { v: 1 },
      certificate: fromBase64(certificate),
      keyTransport: 'rsa_oaep_sha256',
      profile: 'kaibiao-seal-1',
    },
    'bench',
    () => undefined,
  ).sealed;
  return { tookMs: performance.now() - startedAt, sha256: sealed.promises.envelopeSha256 };
}

Object.assign(globalThis, { sealChosen });
