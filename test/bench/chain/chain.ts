/** Bench `chain`: certificate chains judged from their bytes on, with revocation, against node's own X509Certificate, which knows none. */
import { X509Certificate } from 'node:crypto';
import { createDemoCa, demoCreditCode } from '../../../server/cli/demo/ca.ts';
import { parsePem } from '../../../server/core/pki/certificate.ts';
import { verifyChain } from '../../../server/core/pki/chain.ts';
import { parseCrl } from '../../../server/core/pki/crl.ts';
import { verifyCertificateSignature } from '../../../server/identity/signature.ts';
import { type Figures, median, REPETITIONS, rateOf, round } from '../measure.ts';

const STRETCH_MS = 2_000;
const REVOKED = 100;
const LONG_LIST = 50_000;
const at = Date.parse('2026-03-02T01:00:00.000Z');
const DAY_MS = 86_400_000;

/** Three certificates of RSA-2048 and two lists with a hundred entries, all of it bytes: nothing is read before the clock runs. */
async function makeChain() {
  const ca = await createDemoCa({ name: 'Bench', at });
  const holder = { creditCode: demoCreditCode(1), organisation: '甲公司', name: '甲公司' };
  const { certificatePem } = await ca.issue({ holder, usage: 'sign' });
  const [leaf, middle, root] = [certificatePem, ca.intermediatePem, ca.rootPem].map((pem) => {
    const [certificate] = parsePem(pem);
    if (certificate === undefined) throw new Error('no certificate');
    return certificate.der;
  }) as [Uint8Array, Uint8Array, Uint8Array];
  const lists = (count: number) =>
    ca.issueCrls({
      thisUpdateAt: at - DAY_MS,
      nextUpdateAt: at + DAY_MS,
      number: 1,
      revoked: Array.from({ length: count }, (_, n) => ({
        serial: `50${n.toString(16).padStart(30, '0')}`,
        revokedAt: at - n * 1_000,
        reason: 'superseded',
      })),
    });
  return { leaf, middle, root, lists };
}

export async function benchChain(): Promise<Figures> {
  const { leaf, middle, root, lists } = await makeChain();
  const few = Object.values(lists(REVOKED));
  const long = lists(LONG_LIST).intermediate;
  const ours = async (): Promise<void> => {
    const result = verifyChain({
      leaf,
      intermediates: [middle],
      anchors: [root],
      crls: few,
      at,
      purpose: 'sign',
      verifySignature: verifyCertificateSignature,
    });
    if (!result.ok) throw new Error(result.reason);
  };
  const nodes = async (): Promise<void> => {
    const [a, b, c] = [leaf, middle, root].map((der) => new X509Certificate(der)) as [
      X509Certificate,
      X509Certificate,
      X509Certificate,
    ];
    if (!a.checkIssued(b) || !b.checkIssued(c) || !a.verify(b.publicKey) || !b.verify(c.publicKey))
      throw new Error('node refuses the chain');
  };
  const rates: { ours: number; nodes: number; longMs: number }[] = [];
  for (let n = 0; n < REPETITIONS; n++) {
    const rate = await rateOf(STRETCH_MS, 1, ours);
    const reference = await rateOf(STRETCH_MS, 1, nodes);
    const startedAt = performance.now();
    if (parseCrl(long).entryCount !== LONG_LIST) throw new Error('entries are missing');
    rates.push({ ours: rate, nodes: reference, longMs: performance.now() - startedAt });
  }
  return {
    chainsPerSecond: round(median(rates.map((each) => each.ours))),
    ratioVsX509Certificate: round(median(rates.map((each) => each.ours / each.nodes))),
    crlOf50000Ms: round(median(rates.map((each) => each.longMs))),
  };
}
