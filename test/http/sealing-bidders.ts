/** Bidders of an HTTP test with encryption keys of their own, who seal and sign. */
import { createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sealBid } from '../../server/cli/seal/seal.ts';
import { unwrapWith } from '../../server/cli/seal/wrap.ts';
import { signLodgement } from '../../server/client/lodge-statement.ts';
import { fromBase64Url, toBase64 } from '../../server/core/log/base64.ts';
import { fromUtf8 } from '../../server/core/log/utf8.ts';
import { parsePem } from '../../server/core/pki/certificate.ts';
import { isReceiptPayload, type ReceiptPayload } from '../../server/core/seal/receipt.ts';
import { sha256 } from '../../server/hash.ts';
import { organisation } from '../identity/stage.ts';
import { type Answer, type Bench, OPENING_ID } from './bench.ts';

/** A bidder with an encryption key, and ways to register it, to seal and to sign; what it seals lies in `folder`. */
export async function bidderWithKeys(bench: Bench, folder: string, index: number) {
  const { ca, world } = bench.stage;
  const person = await bench.bidder(index);
  const issued = await ca.issue({ holder: organisation(100 + index), usage: 'encrypt' });
  const [certificate] = parsePem(issued.certificatePem);
  if (certificate === undefined) throw new Error('no certificate');
  const x5c = parsePem(issued.certificatePem + issued.chainPem).map(({ der }) => toBase64(der));
  const unwrap = unwrapWith(createPrivateKey(issued.privateKeyPem));
  return {
    person,
    certificate,
    unwrap,
    register: () => bench.ask(person, { method: 'POST', url: '/auth/encryption-certificates', payload: { x5c } }),
    async seal(amount: string, documentBytes = 2_000) {
      const out = join(folder, `${index}-${amount}.p7m`);
      const promises = await sealBid({
        openingList: {
          v: 1,
          lotId: 'LOT-1',
          creditCode: person.account,
          name: `投标人${index}`,
          quote: { kind: 'total', amount, currency: 'CNY', unit: '元', inWords: '' },
          duration: '90天',
          quality: '合格',
          manager: '经理',
          columns: {},
        },
        documents: [{ name: '技术标.txt', bytes: world.randomBytes(documentBytes) }],
        toolFacts: { v: 1 },
        certificate: certificate.der,
        keyTransport: 'rsa_oaep_sha256',
        compress: false,
        out,
        unwrap,
        randomBytes: world.randomBytes,
      });
      return { promises, bytes: new Uint8Array(await readFile(out)) };
    },
    async sign(
      promises: Awaited<ReturnType<typeof sealBid>>,
      change: { replaces?: string; openingId?: string; lotId?: string } = {},
    ) {
      const state = await bench.recorder.stateOf(OPENING_ID);
      const { replaces, ...terms } = change;
      return signLodgement(
        {
          platform: 'kaibiao.test',
          openingId: OPENING_ID,
          lotId: 'LOT-1',
          policyHash: state?.policyHash ?? '',
          deadlineAt: bench.deadlineAt,
          ...terms,
        },
        { creditCode: person.account, promises, ...(replaces === undefined ? {} : { replaces }) },
        person.signer,
        { nowAt: world.now(), randomBytes: world.randomBytes, sha256 },
      );
    },
  };
}

export function receiptIn(answer: Answer): ReceiptPayload {
  const payload = JSON.parse(fromUtf8(fromBase64Url(String(answer.json().receipt).split('.')[1] ?? '')));
  if (!isReceiptPayload(payload)) throw new Error('no receipt');
  return payload;
}
