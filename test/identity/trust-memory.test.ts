/** Trust remembered for a list of certificates: at every instant the answer is the one that whoever remembers nothing gives. */
import fc from 'fast-check';
import { formatInstant } from '../../server/core/log/instant.ts';
import { parseCertificate, parsePem } from '../../server/core/pki/certificate.ts';
import { thumbprintOf } from '../../server/identity/check-certificate.ts';
import { createTrust } from '../../server/identity/trust.ts';
import t from '../support/tap.ts';
import { keepChange } from '../support/trust.ts';
import { organisation, refusalOf, setStage, signerOf } from './stage.ts';

const HOUR_MS = 3_600_000;

t.test('around each turn of certificate and anchor, in any order', async (t) => {
  const stage = await setStage(t);
  const now = stage.world.now();
  const issued = await stage.ca.issue({ holder: organisation(1), usage: 'sign', notAfterAt: now + HOUR_MS });
  const { certificate, chain } = signerOf(issued);
  const [leaf] = [parseCertificate(certificate)];
  const [root] = parsePem(stage.ca.rootPem);
  if (root === undefined) throw new Error('no root');
  const endsAt = now + HOUR_MS / 2;
  const turns = [leaf.notBeforeAt, leaf.notAfterAt + 1_000, now - 1_000, endsAt, now];
  const instants = turns.flatMap((turn) => [turn - 1, turn, turn + 1]);
  const known = [certificate, ...chain];
  const ask = async (
    certificates: readonly Uint8Array[],
    at: number,
    purpose: 'sign' | 'encrypt',
    trust = stage.trust,
  ) => refusalOf(await trust.check({ certificates, purpose, at }));
  const order = fc.shuffledSubarray(instants, { minLength: instants.length });
  const purposes = fc.array(fc.constantFrom('sign' as const, 'encrypt' as const), { minLength: 15, maxLength: 15 });
  const hold = () =>
    fc.assert(
      fc.asyncProperty(order, purposes, async (asked, of) => {
        for (const [n, at] of asked.entries()) {
          const purpose = of[n] ?? 'sign';
          // The same certificates in other bytes, as each statement brings its own; and somebody who remembers nothing.
          const again = known.map((der) => der.slice());
          t.equal(await ask(again, at, purpose), await ask(known, at, purpose, createTrust(stage)), `${at} ${purpose}`);
        }
      }),
      { numRuns: 10 },
    );
  await hold();
  t.equal(await ask(known, now, 'sign'), 'ok');
  t.equal(await ask(known, endsAt, 'sign'), 'ok');
  const end = {
    change: 'end',
    certificateSha256: thumbprintOf(root),
    from: formatInstant(endsAt),
    reason: '到期',
  } as const;
  t.equal(await keepChange(stage.database.sql, end, endsAt), 'ok');
  stage.trust.forget();
  t.equal(await ask(known, endsAt - 1, 'sign'), 'ok');
  t.equal(
    await ask(known, endsAt, 'sign'),
    'certificate_not_trusted',
    'what was found under the old anchors is not asked',
  );
  await hold();
});
