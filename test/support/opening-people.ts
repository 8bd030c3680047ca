/** The people of a test opening: certificates in name only, acts in the right shape whose signatures nobody checks here. */
import { toBase64, toBase64Url } from '../../server/core/log/base64.ts';
import { canonicalise, type Json } from '../../server/core/log/canonical.ts';
import { makeDisclosure } from '../../server/core/log/disclosure.ts';
import { utf8 } from '../../server/core/log/utf8.ts';
import type { LodgedBid, RegisterWho } from '../../server/core/opening/register.ts';
import type { Role } from '../../server/core/opening/roles.ts';
import { sha256 } from '../../server/hash.ts';

/** base64url SHA-256 of a text. */
export const digest = (text: string): string => toBase64Url(sha256(utf8(text)));
export const PLATFORM = 'kaibiao.test';
export const OPENING_ID = 'zhangye-2026-001';
export const ORIGIN = `${PLATFORM}/opening/${OPENING_ID}`;

const certificateOf = (name: string): Uint8Array => utf8(`certificate of ${name}`);
const personOf = (name: string, creditCode: string): RegisterWho => ({
  account: creditCode,
  creditCode,
  name,
  certSha256: toBase64Url(sha256(certificateOf(name))),
});

/** Bidder 0, 1, 2 …: the credit codes rise with the index. */
export function bidderWho(index: number): RegisterWho {
  return personOf(`投标人${index}`, `91620700MA7${String(index).padStart(7, '0')}`);
}

const STAFF: Record<string, RegisterWho> = {
  host: personOf('主持人', '91620700HA7000000A'),
  tenderer: personOf('招标人', '91620700TA7000000B'),
  witness: personOf('见证人员', '91620700WA7000000C'),
  supervisor: personOf('行政监督', '91620700YA7000000D'),
  auditor: personOf('审计', '91620700EA7000000E'),
  operator: personOf('平台管理员', '91620700PA7000000F'),
};

/** The person of a role; null for the two machines. */
export function staffWho(role: Role): RegisterWho | null {
  return STAFF[role] ?? null;
}

const part = (value: Json): string => toBase64Url(utf8(JSON.stringify(value)));
const jws = (header: Json, payload: Json): string =>
  `${part(header)}.${part(payload)}.${toBase64Url(utf8('unsigned'))}`;
const certified = (who: RegisterWho): Record<string, Json> => ({
  x5c: [toBase64(certificateOf(who.name))],
  'x5t#S256': who.certSha256,
});

export type ActRequest = {
  readonly command: string;
  readonly type: string;
  readonly data: Json;
  readonly who: RegisterWho;
  readonly signedBy: 'session' | 'certificate';
  /** The head it says it has seen; by default one that no log has. */
  readonly headSeen?: { readonly size: number; readonly root: string };
};

/** What a person sends with a command, as `PersonAct`. Its signatures are not signatures. */
export function actOf({ command, type, data, who, signedBy, headSeen }: ActRequest): Json {
  const common = { v: 1, iss: who.account, aud: PLATFORM, openingId: OPENING_ID };
  if (type === 'DecryptBid' || type === 'SubmitBackup')
    return {
      act: jws(
        { alg: 'RS256', typ: type === 'DecryptBid' ? 'bid-decryption+jws' : 'bid-backup+jws', ...certified(who) },
        { ...common, ...(data as Record<string, Json>), iat: 1 },
      ),
    };
  const said = {
    ...common,
    command,
    type,
    bodySha256: digest(canonicalise(data)),
    headSeen: headSeen ?? { size: 1, root: toBase64(sha256(utf8('head'))) },
    iat: 1,
  };
  if (signedBy === 'certificate') return { act: jws({ alg: 'RS256', typ: 'act+jws', ...certified(who) }, said), data };
  const session = { jwk: { kty: 'EC', crv: 'P-256', x: digest('x'), y: digest('y') }, jkt: digest('jkt') };
  const login = { ...common, origin: 'https://kaibiao.test', nonce: 'n', purpose: 'login', iat: 1, session };
  return {
    act: jws({ alg: 'ES256', typ: 'act+jws' }, said),
    login: jws({ alg: 'RS256', typ: 'login+jws', ...certified(who) }, login),
    data,
  };
}

/** The opening list of a bidder, its disclosure and the promise of it. */
export function openingListOf(index: number, amount = `${1_000_000 + index * 1_000}.00`) {
  const { creditCode, name } = bidderWho(index);
  const list = {
    v: 1,
    lotId: 'LOT-1',
    creditCode,
    name,
    quote: { kind: 'total', amount, currency: 'CNY', unit: '元', inWords: '' },
    duration: '90天',
    quality: '合格',
    manager: `经理${index}`,
    columns: {},
  } as const;
  const salt = sha256(utf8(`salt of ${creditCode} ${amount}`));
  return { list, ...makeDisclosure(sha256, salt, 'openingList', list) };
}

/** A bid as its lodgement statement would say it. */
export function lodgedBid(
  index: number,
  about: { readonly policyHash: string; readonly deadlineAt: string },
  changes: Partial<LodgedBid> & { readonly amount?: string } = {},
): LodgedBid {
  const { amount, ...rest } = changes;
  const bidId = rest.bidId ?? `bid${String(index).padStart(19, '0')}`;
  return {
    bidId,
    envelopeSha256: digest(`envelope ${bidId}`),
    envelopeBytes: 50_000_000,
    recipientInfosSha256: digest(`recipients ${bidId}`),
    encCertSha256: digest(`encryption certificate ${index}`),
    openingListCommit: openingListOf(index, amount).digest,
    cekCommit: digest(`cek ${bidId}`),
    contentCommit: digest(`content ${bidId}`),
    policyHash: about.policyHash,
    deadlineAt: about.deadlineAt,
    lotId: 'LOT-1',
    replaces: null,
    ...rest,
  };
}
