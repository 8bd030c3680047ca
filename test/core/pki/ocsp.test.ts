/** OCSP: responses that OpenSSL makes, who may sign one, when one is over, and robust against any bytes. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { basicConstraints, type CertificateRequest, extendedKeyUsage } from '../../../server/cli/demo/ca.ts';
import { type ChainQuestion, verifyChain } from '../../../server/core/pki/chain.ts';
import { CertificateError } from '../../../server/core/pki/der.ts';
import { type Digest, OCSP_AGE_LIMIT_MS, OCSP_LIMIT_BYTES, parseOcspResponse } from '../../../server/core/pki/ocsp.ts';
import { verifyCertificateSignature } from '../../../server/identity/signature.ts';
import { hasOpenssl, type Order, respond as respondTo } from '../../support/ocsp.ts';
import t from '../../support/tap.ts';
import { type Authority, authority, crl, DAY_MS, rawExtension, signUsage } from './authority.ts';

const now = Date.now();
const dates = { notBeforeAt: now - DAY_MS, notAfterAt: now + DAY_MS };
const HASHES: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
};
const digest: Digest = (oid, bytes) => {
  const name = HASHES[oid];
  return name === undefined ? undefined : createHash(name).update(bytes).digest();
};

const root = await authority('Root', undefined, dates);
const middle = await authority('Middle', root, dates);
const elsewhere = await authority('Elsewhere', root, dates);
const person = (issuer: Authority) =>
  authority('Holder', issuer, { ...dates, extensions: [basicConstraints(false), signUsage] });
const [leaf, neighbour] = await Promise.all([person(middle), person(middle)]);
const ocspSigning = extendedKeyUsage('1.3.6.1.5.5.7.3.9');
const noCheck = rawExtension('1.3.6.1.5.5.7.48.1.5', false, Uint8Array.of(5, 0));
const responder = (issuer: Authority, ...extensions: CertificateRequest['extensions']) =>
  authority('Responder', issuer, { ...dates, extensions: [basicConstraints(false), signUsage, ...extensions] });
const authorised = await responder(middle, ocspSigning, noCheck);

const dated = { thisUpdateAt: now - DAY_MS / 2, nextUpdateAt: now + 2 * DAY_MS };
const rootList = crl(root, dated);

const options = { skip: hasOpenssl ? false : 'no openssl here' };

const respond = (order: Omit<Order, 'of' | 'issuer'> & { readonly of?: Authority }) =>
  respondTo({ of: leaf, issuer: middle, ...order });

const ask = (responses: readonly Uint8Array[], changes: Partial<ChainQuestion> = {}, nonce?: Uint8Array): string => {
  const result = verifyChain({
    leaf: leaf.certificate,
    intermediates: [middle.certificate],
    anchors: [root.certificate],
    crls: [rootList],
    ocsp: { responses, digest, ...(nonce && { nonce }) },
    // OpenSSL dates its answers by its own clock: asked a second later, they are there.
    at: now + 60_000,
    purpose: 'sign',
    verifySignature: verifyCertificateSignature,
    ...changes,
  });
  return result.ok ? 'ok' : `${result.undetermined ? '? ' : ''}${result.reason}`;
};

t.test('good, revoked, unknown', options, async (t) => {
  const signer = authorised;
  const { response: good } = await respond({ signer });
  t.equal(ask([good]), 'ok');
  t.equal(ask([]), '? no_crl');
  const at = '260101000000Z';
  t.equal(ask([(await respond({ signer, revoked: `${at},keyCompromise` })).response]), 'revoked');
  t.equal(ask([(await respond({ signer, isKnown: false })).response]), '? ocsp_unknown');
  t.equal(ask([(await respond({ signer, of: neighbour })).response]), '? no_crl', 'somebody else’s answer is none');
  const { response: bySha256 } = await respond({ signer, asking: ['-sha256'] });
  t.equal(ask([bySha256]), 'ok', 'the certificate named by another digest');
  const { response: byKey } = await respond({ signer, args: ['-ndays', '1', '-resp_key_id'] });
  t.equal(ask([byKey]), 'ok', 'the responder named by its key');
  const list = crl(middle, { ...dated, entries: [{ serial: leaf.certificate.serial, revokedAt: now - 1_000 }] });
  t.equal(ask([good], { crls: [rootList, list] }), 'revoked', 'a list that condemns is not outvoted');
  const held = (await respond({ signer, revoked: `${at},superseded` })).response;
  t.equal(ask([held], { crls: [rootList, crl(middle, dated)] }), 'revoked', 'nor is a response');
});

t.test('who may sign', options, async (t) => {
  const by = async (signer: Authority, changes: Partial<ChainQuestion> = {}) =>
    ask([(await respond({ signer })).response], changes);
  t.equal(await by(middle), 'ok', 'the issuer itself');
  t.equal(await by(await responder(middle, noCheck)), '? ocsp_signer', 'not certified for this');
  t.equal(
    await by(await responder(elsewhere, ocspSigning, noCheck)),
    '? ocsp_signer',
    'by another CA of the same anchor',
  );
  t.equal(await by(await responder(await authority('Middle', root, dates), ocspSigning, noCheck)), '? ocsp_signer');
  t.equal(await by(root), '? ocsp_signer');
  const over = { ...dates, notAfterAt: now - 1_000, extensions: [signUsage, ocspSigning, noCheck] };
  t.equal(await by(await authority('Responder', middle, over)), '? ocsp_signer', 'over');
  const checked = await responder(middle, ocspSigning);
  t.equal(await by(checked), '? ocsp_signer', 'nothing says that it is not revoked itself');
  const { response } = await respond({ signer: checked });
  const fresh = crl(middle, { ...dated, extensions: [] });
  t.equal(ask([response], { crls: [rootList, fresh] }), 'ok');
  const spoilt = (await respond({ signer: authorised })).response;
  const inTheSigner = spoilt.length - 701;
  t.not(ask([spoilt.with(inTheSigner, (spoilt[inTheSigner] ?? 0) ^ 1)]), 'ok', 'a bit of it turned');
});

t.test('when an answer is over', options, async (t) => {
  const signer = authorised;
  const { response: day } = await respond({ signer });
  const parsed = parseOcspResponse(day);
  const [answer] = parsed.answers;
  const { nextUpdateAt = 0, thisUpdateAt = 0 } = answer ?? {};
  const later = { crls: [crl(root, { ...dated, nextUpdateAt: now + 9 * DAY_MS })] };
  t.equal(ask([day], { ...later, at: thisUpdateAt }), 'ok');
  t.equal(ask([day], { ...later, at: thisUpdateAt - 1 }), '? ocsp_stale', 'not yet');
  t.ok(nextUpdateAt > thisUpdateAt);
  const within = { ...later, at: now + DAY_MS / 2 };
  const { response: endless } = await respond({ signer, args: [] });
  const endlessAt = parseOcspResponse(endless).answers[0]?.thisUpdateAt ?? 0;
  t.equal(parseOcspResponse(endless).answers[0]?.nextUpdateAt, undefined);
  t.equal(ask([endless], { ...later, at: endlessAt + OCSP_AGE_LIMIT_MS }), 'ok');
  t.equal(ask([endless], { ...later, at: endlessAt + OCSP_AGE_LIMIT_MS + 1 }), '? ocsp_stale');
  const { response: condemned } = await respond({ signer, args: [], revoked: '260101000000Z,keyCompromise' });
  t.equal(ask([condemned], within), 'revoked', 'what is revoked stays so');
  const { response: held } = await respond({ signer, args: [], revoked: '260101000000Z,certificateHold' });
  t.equal(ask([held], within), '? ocsp_stale');
});

t.test('a nonce that was sent must come back; one that was not is nobody’s business', options, async (t) => {
  const { response, request } = await respond({ signer: authorised, asking: ['-nonce'] });
  const place = Buffer.from(request).indexOf(Buffer.from('06092b0601050507300102', 'hex'));
  const length = request[place + 14] ?? 0;
  const nonce = request.slice(place + 15, place + 15 + length);
  t.ok(place > 0 && length >= 16);
  t.equal(ask([response], {}, nonce), 'ok');
  t.equal(ask([response]), 'ok');
  t.equal(ask([response], {}, nonce.slice().fill(0)), '? ocsp_unusable');
  t.equal(ask([(await respond({ signer: authorised })).response], {}, nonce), '? ocsp_unusable');
});

t.test('any bytes: our own error or a response; and no changed one acquits', options, async (t) => {
  const { response } = await respond({ signer: authorised });
  const read = (der: Uint8Array) => {
    try {
      return parseOcspResponse(der);
    } catch (error) {
      if (error instanceof CertificateError) return error.code;
      throw error;
    }
  };
  t.equal(read(new Uint8Array(OCSP_LIMIT_BYTES + 1)), 'ocsp_too_large');
  t.not(read(new Uint8Array(OCSP_LIMIT_BYTES)), 'ocsp_too_large');
  t.equal(read(Uint8Array.of(0x30, 3, 0x0a, 1, 3)), 'ocsp_structure', 'try later');
  // The certificates beside the signature are not signed by it, and only serve to find the key.
  const signed = Buffer.from(response).indexOf(Buffer.from(authorised.certificate.der));
  const acquitting: string[] = [];
  for (let where = 0; where < signed - 4; where++)
    for (let bit = 1; bit < 256; bit *= 2)
      if (ask([response.with(where, (response[where] ?? 0) ^ bit)]) === 'ok') acquitting.push(`${where}^${bit}`);
  t.same(acquitting, []);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (der) => typeof read(der) === 'string'),
    { numRuns: 100 },
  );
});
