/** The people of a simulation: real certificates and session keys, made once, and every act signed as a client signs it. */
import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { demoCreditCode, type Holder } from '../../server/cli/demo/ca.ts';
import { type HeadSeen, type PersonAct, type SessionJwk, sessionThumbprint } from '../../server/core/log/act.ts';
import { toBase64Url } from '../../server/core/log/base64.ts';
import type { Json, JsonObject } from '../../server/core/log/canonical.ts';
import { COMMANDS } from '../../server/core/opening/commands.ts';
import { REGISTER_COMMANDS } from '../../server/core/opening/register.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import { parsePem } from '../../server/core/pki/certificate.ts';
import { signAct, signByCertificate, signLogin, signStepUp } from '../../server/core/pki/person-jws.ts';
import { sha256 } from '../../server/hash.ts';
import type { Who } from '../../server/recorder/submission.ts';
import { testCa } from '../support/ca.ts';
import { PLATFORM } from './platform.ts';

export const STAFF = ['host', 'tenderer', 'witness', 'supervisor'] as const satisfies readonly PersonRole[];
export type StaffRole = (typeof STAFF)[number];
/** Companies that bid; an opening has some of them. */
export const COMPANIES = 10;

export type ActTerms = {
  readonly openingId: string;
  readonly command: string;
  readonly type: string;
  readonly data: Json;
  readonly headSeen: HeadSeen;
  readonly iatSeconds: number;
};

export type Person = {
  readonly role: PersonRole;
  readonly who: Who;
  /** Signs a command with the key that its type asks for. */
  sign(terms: ActTerms): Promise<PersonAct>;
};

export type Town = {
  readonly staff: Readonly<Record<StaffRole, Person>>;
  /** Somebody who may come in the host's place. */
  readonly deputy: Person;
  readonly companies: readonly Person[];
};

const STATEMENTS: Readonly<Record<string, string>> = {
  LodgeBid: 'bid-lodgement+jws',
  DecryptBid: 'bid-decryption+jws',
  SubmitBackup: 'bid-backup+jws',
};
const SIGNED_BY: Readonly<Record<string, { readonly signedBy: string }>> = { ...COMMANDS, ...REGISTER_COMMANDS };

/** Makes everybody; the names are always the same, the keys never. */
export async function makeTown(at: number): Promise<Town> {
  const ca = await testCa({ name: 'Simulation', at });

  async function makePerson(role: PersonRole, holder: Holder): Promise<Person> {
    const issued = await ca.issue({ holder, usage: 'sign', key: 'p256' });
    const [certificate] = parsePem(issued.certificatePem).map(({ der }) => der);
    if (certificate === undefined) throw new Error('no certificate');
    const account = holder.personId === undefined ? holder.creditCode : `${holder.creditCode}/${holder.personId}`;
    const key = createPrivateKey(issued.privateKeyPem);
    const signWith = (used: typeof key) => async (data: Uint8Array) =>
      new Uint8Array(sign('sha256', data, { key: used, dsaEncoding: 'ieee-p1363' }));
    const signer = { alg: 'ES256', certificate, chain: [], sign: signWith(key) } as const;
    const made = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { x = '', y = '' } = made.publicKey.export({ format: 'jwk' });
    const jwk: SessionJwk = { kty: 'EC', crv: 'P-256', x, y };
    const session = { jwk, sign: signWith(made.privateKey) };
    const challenge = { nonce: sessionThumbprint(sha256, jwk), aud: PLATFORM, origin: `https://${PLATFORM}` };
    const login = await signLogin(sha256, signer, { challenge, account, jwk, iatSeconds: Math.floor(at / 1000) });
    const { creditCode, name } = holder;
    return {
      role,
      who: { account, creditCode, name, certSha256: toBase64Url(sha256(certificate)) },
      async sign({ openingId, command, type, data, headSeen, iatSeconds }) {
        const typ = STATEMENTS[type];
        if (typ !== undefined) {
          const about = { v: 1, iss: account, aud: PLATFORM, openingId, jti: command, iat: iatSeconds };
          return { act: await signByCertificate(sha256, signer, typ, { ...about, ...(data as JsonObject) }) };
        }
        const terms = { account, platform: PLATFORM, openingId, command, type, data, headSeen, iatSeconds };
        if (SIGNED_BY[type]?.signedBy === 'certificate') return { act: await signStepUp(sha256, signer, terms), data };
        return { act: await signAct(sha256, session, terms), login, data };
      },
    };
  }

  const staff = await Promise.all(
    STAFF.map((role, n) =>
      makePerson(role, {
        creditCode: demoCreditCode(n + 1),
        organisation: `第${n + 1}单位`,
        name: `人员${role}`,
        personId: role.toUpperCase(),
      }),
    ),
  );
  const [host, tenderer, witness, supervisor] = staff as [Person, Person, Person, Person];
  const deputy = await makePerson('host', {
    creditCode: demoCreditCode(STAFF.length + 1),
    organisation: '代理单位',
    name: '替补主持',
    personId: 'DEPUTY',
  });
  const companies = await Promise.all(
    Array.from({ length: COMPANIES }, (_, n) =>
      makePerson('bidder', {
        creditCode: demoCreditCode(100 + n),
        organisation: `投标${100 + n}公司`,
        name: `投标${100 + n}公司`,
      }),
    ),
  );
  return { staff: { host, tenderer, witness, supervisor }, deputy, companies };
}
