/** A person's token by PKCS#11, SoftHSM2 in this process: what its keys sign and unwrap, and how it says what is wrong. */
import { verify, X509Certificate } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { CK, type Cryptoki, CryptokiError, loadCryptoki } from '../../../server/cli/agent/cryptoki.ts';
import { openToken, type Token } from '../../../server/cli/agent/token.ts';
import { TokenError } from '../../../server/cli/agent/token-error.ts';
import { demoCreditCode, type Holder } from '../../../server/cli/demo/ca.ts';
import { wrapTo } from '../../../server/cli/seal/wrap.ts';
import type { KeyTransport } from '../../../server/core/seal/recipient-info.ts';
import { testCa } from '../../support/ca.ts';
import { newFolder } from '../../support/folder.ts';
import { type PersonToken, personToken } from '../../support/soft-hsm.ts';
import t from '../../support/tap.ts';

const ca = await testCa({ name: 'Token', at: Date.parse('2026-03-02T00:00:00Z') });
const holder: Holder = { creditCode: demoCreditCode(10), organisation: '投标人', name: '投标人' };
const [rsa, p256, sm2, stranger] = await Promise.all(
  (['rsa', 'p256', 'sm2', 'rsa'] as const).map((key) => ca.issue({ holder, usage: 'encrypt', key })),
);
if (!rsa || !p256 || !sm2 || !stranger) throw new Error('no certificates');
const folder = await newFolder(t, 'token');
await mkdir(folder);
const made = await personToken(folder, 'bidder', [rsa, p256]);
const der = ({ certificatePem }: { certificatePem: string }) => new Uint8Array(new X509Certificate(certificatePem).raw);
const data = new TextEncoder().encode('what is signed');
const cek = new Uint8Array(32).fill(7);

const without = typeof made === 'string' ? made : await loaded(made);

/** The module in this process; a sentence why it cannot be had. */
async function loaded({ module, conf }: PersonToken): Promise<Cryptoki | string> {
  process.env['SOFTHSM2_CONF'] = conf;
  try {
    return await loadCryptoki(module);
  } catch (fault) {
    // the optional package is not there, as on a machine that has no binary of it
    if (fault instanceof TokenError && fault.code === 'binding_missing') return fault.message;
    throw fault;
  }
}

t.test('a module that is none says so, and what to do', async (t) => {
  await t.rejects(loadCryptoki('/nowhere/module.so'), {
    code: /module_unusable|binding_missing/,
    message: /--module|npm install/,
  });
});

if (typeof without === 'string' || typeof made === 'string') {
  t.test('no token', async (t) => {
    // Not skipped in silence: this line says what is not tested.
    process.stderr.write(`\n  !! NOT TESTED WITH A PKCS#11 TOKEN: ${without}\n\n`);
    t.type(without, 'string');
  });
} else {
  const cryptoki = without;
  t.teardown(() => cryptoki.finalize());
  let asked = 0;
  const opened = (pin: string = made.pin, over: Partial<Cryptoki> = {}): Token =>
    openToken({
      cryptoki: { ...cryptoki, ...over },
      label: 'bidder',
      askPin: async () => {
        asked += 1;
        return pin;
      },
    });

  t.test('its certificates are told without a PIN, with the CA beside them', async (t) => {
    const token = opened();
    const found = token.certificates().map(({ certificate }) => Buffer.from(certificate).toString('hex'));
    t.strictSame(found.sort(), [rsa, p256].map((one) => Buffer.from(der(one)).toString('hex')).sort());
    t.equal(token.certificates()[0]?.chain.length, 1);
    t.equal(asked, 0);
    token.close();
  });

  t.test('a wrong PIN is said and not tried twice; the right one is asked for once', async (t) => {
    const wrong = opened('000000');
    await t.rejects(wrong.sign(der(rsa), data), { code: 'token_pin_wrong' });
    t.equal(asked, 1);
    wrong.close();
    const token = opened();
    for (const one of [rsa, p256]) {
      const signature = await token.sign(der(one), data);
      const { publicKey } = new X509Certificate(der(one));
      t.ok(verify('sha256', data, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature));
    }
    t.equal(asked, 2);
    t.equal(token.algorithmOf(der(rsa)), 'RS256');
    t.equal(token.algorithmOf(der(p256)), 'ES256');
    token.close();
  });

  t.test('Enter alone is no PIN, and costs no try', async (t) => {
    let logins = 0;
    const token = opened('', {
      login: (...call) => {
        logins += 1;
        cryptoki.login(...call);
      },
    });
    await t.rejects(token.sign(der(rsa), data), { code: 'token_pin_wrong' });
    t.equal(logins, 0);
    token.close();
  });

  t.test('a key that wants its PIN each time works again after a wrong one', async (t) => {
    let isWrong = true;
    const token = opened(made.pin, {
      attribute: (session, object, type) =>
        type === CK.attribute.alwaysAuthenticate ? Uint8Array.of(1) : cryptoki.attribute(session, object, type),
      login(session, user, pin) {
        if (user !== CK.contextSpecific) return cryptoki.login(session, user, pin);
        if (isWrong) throw new CryptokiError('C_Login', 0xa0);
      },
    });
    await t.rejects(token.sign(der(rsa), data), { code: 'token_pin_wrong' });
    isWrong = false;
    t.equal((await token.sign(der(rsa), data)).length, 256);
    token.close();
  });

  t.test('a module stays loaded when memory is tidied up', async (t) => {
    setFlagsFromString('--expose-gc');
    const collect: unknown = runInNewContext('gc');
    if (typeof collect !== 'function') throw new Error('no collector');
    const token = opened();
    for (let n = 0; n < 3; n++) {
      collect();
      // finalizers run in a turn of their own
      await new Promise((turn) => setImmediate(turn));
      t.equal((await token.sign(der(p256), data)).length, 64);
    }
    token.close();
  });

  t.test('it unwraps in the ways it can, and says of the others that it cannot', async (t) => {
    const token = opened();
    const wrapped = (one: typeof rsa, way: KeyTransport) => wrapTo(der(one), way, cek);
    for (const way of ['rsa_pkcs1_v15', 'rsa_oaep_sha1'] as const)
      t.strictSame(await token.unwrap(der(rsa), wrapped(rsa, way)), cek, way);
    t.strictSame(new Uint8Array(await token.unwrap(der(p256), wrapped(p256, 'ecdh_p256'))), cek);
    await t.rejects(token.unwrap(der(rsa), wrapped(rsa, 'rsa_oaep_sha256')), { code: 'token_cannot' });
    await t.rejects(token.unwrap(der(rsa), wrapped(stranger, 'rsa_oaep_sha1')), { code: 'unwrap_failed' });
    const other = wrapped(p256, 'ecdh_p256');
    if (other.keyTransport !== 'ecdh_p256') throw new Error('not agreed');
    const changed = { ...other, encryptedKey: other.encryptedKey.map((byte) => byte ^ 1) };
    await t.rejects(token.unwrap(der(p256), changed), { code: 'unwrap_failed' });
    token.close();
  });

  t.test('keys that are not there, or of a kind that PKCS#11 does not name', async (t) => {
    const token = opened();
    await t.rejects(token.sign(der(stranger), data), { code: 'token_key_missing' });
    t.throws(() => token.algorithmOf(der(sm2)), { code: 'token_cannot' });
    token.close();
    const none = openToken({ cryptoki, label: 'another', askPin: async () => '' });
    t.throws(() => none.certificates(), { code: 'token_missing' });
  });

  t.test(
    'a token that is pulled out says so, and works again when it is back, with its PIN asked for anew',
    async (t) => {
      let isOut = false;
      const pulled = (): never => {
        throw new CryptokiError('C_Sign', 0x32);
      };
      const token = opened(made.pin, {
        sign: (...call) => (isOut ? pulled() : cryptoki.sign(...call)),
      });
      const before = asked;
      await token.sign(der(rsa), data);
      isOut = true;
      await t.rejects(token.sign(der(rsa), data), { code: 'token_gone' });
      isOut = false;
      await token.sign(der(rsa), data);
      t.equal(asked, before + 2);
      token.close();
    },
  );

  t.test('what a module answers has one meaning each', async (t) => {
    const codes = [
      [0xa4, 'token_pin_locked'],
      [0xa1, 'token_pin_wrong'],
      [0xe0, 'token_gone'],
      [0x32, 'token_gone'],
      [0x05, 'token_failed'],
    ] as const;
    for (const [value, code] of codes) {
      const token = opened(made.pin, {
        login: () => {
          throw new CryptokiError('C_Login', value);
        },
      });
      await t.rejects(token.sign(der(rsa), data), { code });
      token.close();
    }
    const locked = opened(made.pin, {
      tokenInfo(slot) {
        const { label, flags } = cryptoki.tokenInfo(slot);
        return { label, flags: flags | CK.tokenFlag.pinLocked };
      },
    });
    const before = asked;
    await t.rejects(locked.sign(der(rsa), data), { code: 'token_pin_locked' });
    t.equal(asked, before, 'a locked token is asked for nothing');
  });

  t.test('a key under the id of another certificate is found out before the platform does', async (t) => {
    const token = opened(made.pin, { sign: (...call) => cryptoki.sign(...call).map((byte) => byte ^ 1) });
    await t.rejects(token.sign(der(rsa), data), { code: 'token_key_other' });
    token.close();
  });
}
