/** A page's side of its key worker: files go in, signatures come out. */

import type { AgentCertificate, Unwrap } from '../../server/client/key-agent.ts';
import { listingOf } from '../../server/client/key-agent.ts';
import { SealError } from '../../server/client/seal-error.ts';
import { fromBase64 } from '../../server/core/log/base64.ts';
import type { Sha256 } from '../../server/core/log/hash.ts';
import type { CertificateSigner } from '../../server/core/pki/person-jws.ts';
import { KeyFileError } from './key-file-error.ts';
import type { KeyAnswer, KeyRequest } from './key-messages.ts';
import workerAddress from './key-worker.ts?worker&url';
import { trusted } from './worker-address.ts';

/** A key the worker holds, as the page may use it. */
export type UsableKey = { readonly listed: AgentCertificate; readonly signer: CertificateSigner };

export type KeyRoom = {
  /** Opens a PKCS#12 file, whose bytes the page itself never reads. Throws: KeyFileError. */
  open(file: Blob, password: string): Promise<UsableKey[]>;
  /** What unwraps a content key with the key of a certificate. Throws: SealError unwrap_failed, envelope_for_another_certificate; KeyFileError key_cannot_unwrap. */
  unwrapper(certSha256: string): Unwrap;
  /** Ends the worker, and with it every key it held. */
  close(): void;
};

type Asked = { readonly take: (answer: KeyAnswer) => void; readonly fail: (fault: Error) => void };
type WithoutId<Request> = Request extends unknown ? Omit<Request, 'id'> : never;

/** Starts a worker. */
export function openKeyRoom(sha256: Sha256): KeyRoom {
  const worker = new Worker(trusted(workerAddress), { type: 'module' });
  const waiting = new Map<number, Asked>();
  let asked = 0;
  let isClosed = false;

  worker.addEventListener('message', ({ data }: MessageEvent<KeyAnswer>) => {
    const one = waiting.get(data.id);
    waiting.delete(data.id);
    if (one === undefined) throw new Error('the key worker answered what nobody asked');
    if (data.kind === 'refused') one.fail(new KeyFileError(data.code, data.detail));
    else if (data.kind === 'not_unwrapped') one.fail(new SealError(data.code));
    else if (data.kind === 'broken') one.fail(new Error(data.detail));
    else one.take(data);
  });
  worker.addEventListener('error', (event) => {
    for (const one of waiting.values()) one.fail(new Error(event.message || 'the key worker did not start'));
    waiting.clear();
  });

  function ask(request: WithoutId<KeyRequest>): Promise<KeyAnswer> {
    if (isClosed) return Promise.reject(new Error('the key worker was ended'));
    asked += 1;
    const id = asked;
    return new Promise((take, fail) => {
      waiting.set(id, { take, fail });
      worker.postMessage({ ...request, id });
    });
  }

  async function sign(certSha256: string, data: Uint8Array): Promise<Uint8Array> {
    const answer = await ask({ kind: 'sign', certSha256, data });
    if (answer.kind !== 'signed') throw new Error(`asked to sign, the key worker ${answer.kind}`);
    return answer.signature;
  }

  return {
    async open(file, password) {
      const answer = await ask({ kind: 'open', file, password });
      if (answer.kind !== 'opened') throw new Error(`asked to open, the key worker ${answer.kind}`);
      return answer.keys.map(({ certSha256, x5c, alg }) => {
        const [certificate = new Uint8Array(), ...chain] = x5c.map((text) => fromBase64(text));
        const signer: CertificateSigner = { alg, certificate, chain, sign: (data) => sign(certSha256, data) };
        return { listed: listingOf(sha256, { certificate, chain }), signer };
      });
    },
    unwrapper: (certSha256) => async (recipient) => {
      const answer = await ask({ kind: 'unwrap', certSha256, recipient });
      if (answer.kind !== 'unwrapped') throw new Error(`asked to unwrap, the key worker ${answer.kind}`);
      return answer.cek;
    },
    close() {
      isClosed = true;
      worker.terminate();
      for (const one of waiting.values()) one.fail(new Error('the key worker was ended'));
      waiting.clear();
    },
  };
}
