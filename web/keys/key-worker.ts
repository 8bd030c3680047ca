/** The worker that holds a person's keys while the page is open: the page asks for signatures and never has a key in hand. */
import { sha256 } from '@noble/hashes/sha2.js';
import { SealError } from '../../server/client/seal-error.ts';
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
    case 'unwrap': {
      const key = held.get(request.certSha256);
      if (key === undefined) throw new KeyFileError('key_of_another_certificate', 'the envelope is to another');
      return { id, kind: 'unwrapped', cek: await key.unwrap(request.recipient) };
    }
    case 'sign': {
      const key = held.get(request.certSha256);
      if (key === undefined) throw new Error('a signature by a key that is not held');
      return { id, kind: 'signed', signature: await key.sign(request.data) };
    }
  }
}

addEventListener('message', ({ data }: MessageEvent<KeyRequest>) => {
  answer(data)
    .catch((fault: unknown): KeyAnswer => {
      const { id } = data;
      if (fault instanceof SealError && fault.code === 'unwrap_failed')
        return { id, kind: 'refused', code: fault.code, detail: fault.message };
      if (fault instanceof KeyFileError) return { id, kind: 'refused', code: fault.code, detail: fault.message };
      return { id, kind: 'broken', detail: fault instanceof Error ? fault.message : String(fault) };
    })
    .then((said) => postMessage(said));
});
