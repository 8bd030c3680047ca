/** The worker that holds a person's keys while the page is open: the page asks for signatures and never has a key in hand. */
import '../parts/old-browsers.ts';
import { sha256 } from '@noble/hashes/sha2.js';
import { SealError } from '../../server/client/seal-error.ts';
import type { Recipient } from '../../server/core/seal/recipient-info.ts';
import { type HeldKey, openKeyFile } from './held-key.ts';
import { KeyFileError } from './key-file-error.ts';
import type { KeyAnswer, KeyRequest } from './key-messages.ts';

const held = new Map<string, HeldKey>();

async function answer(request: KeyRequest): Promise<KeyAnswer> {
  const { id } = request;
  switch (request.kind) {
    case 'open': {
      const file = new Uint8Array(await request.file.arrayBuffer());
      const opened = await openKeyFile({ sha256, subtle: crypto.subtle }, file, request.password);
      for (const key of opened) held.set(key.listed.certSha256, key);
      const keys = opened.map(({ listed: { certSha256, x5c }, alg }) => ({ certSha256, x5c, alg }));
      return { id, kind: 'opened', keys };
    }
    case 'unwrap':
      return { id, kind: 'unwrapped', cek: await unwrapByAny(request.certSha256, request.recipient) };
    case 'sign': {
      const key = held.get(request.certSha256);
      if (key === undefined) throw new Error('a signature by a key that is not held');
      return { id, kind: 'signed', signature: await key.sign(request.data) };
    }
  }
}

/** The key of that certificate first, then every other: a renewed certificate may stand for the same key. */
async function unwrapByAny(certSha256: string, recipient: Recipient): Promise<Uint8Array> {
  const named = held.get(certSha256);
  let fault: unknown = new SealError('envelope_for_another_certificate');
  for (const key of [named, ...[...held.values()].filter((other) => other !== named)]) {
    if (key === undefined) continue;
    try {
      return await key.unwrap(recipient);
    } catch (failed) {
      const isOtherKey = failed instanceof SealError || failed instanceof KeyFileError;
      if (!isOtherKey) throw failed;
      // what the right key says of itself is the reason; that another one does not fit is none
      if (key === named) fault = failed;
    }
  }
  throw fault;
}

addEventListener('message', ({ data }: MessageEvent<KeyRequest>) => {
  answer(data)
    .catch((fault: unknown): KeyAnswer => {
      const { id } = data;
      if (fault instanceof SealError) return { id, kind: 'not_unwrapped', code: fault.code };
      if (fault instanceof KeyFileError) return { id, kind: 'refused', code: fault.code, detail: fault.message };
      return { id, kind: 'broken', detail: fault instanceof Error ? fault.message : String(fault) };
    })
    .then((said) => postMessage(said));
});
