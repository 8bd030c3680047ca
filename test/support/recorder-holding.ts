/** Holders of an opening key on the recorder: real keys, real shares, the ceremony before publication, and what the audit says of the log. */

import { sealSecret } from '../../server/cli/seal/seal-secret.ts';
import type { DealtOpeningKey, DealtWindowKey } from '../../server/client/deal-key.ts';
import { openSecret } from '../../server/client/open-secret.ts';
import { toBase64 } from '../../server/core/log/base64.ts';
import { openDisclosures } from '../../server/core/log/disclosure.ts';
import { parseEntry } from '../../server/core/log/entry.ts';
import { createAudit } from '../../server/core/opening/audit.ts';
import { shareKeyOf } from '../../server/core/opening/layer.ts';
import type { HoldingRole } from '../../server/core/opening/layer-commands.ts';
import type { Policy } from '../../server/core/opening/policy.ts';
import { shareCommit } from '../../server/core/seal/opening-key.ts';
import { sha256 } from '../../server/hash.ts';
import { knownValues } from '../../server/recorder/kept-opening.ts';
import { readDisclosures } from '../../server/store/read-log.ts';
import { type Holder, newHolder } from '../vault/layered.ts';
import { OPENING_ID, ORIGIN } from './opening-people.ts';
import {
  accepted,
  createRequest,
  type Hall,
  NOTHING_SEEN,
  type RunningRecorder,
  stateOf,
  submission,
} from './recorder.ts';

const ROLES: readonly HoldingRole[] = ['tenderer', 'host', 'witness'];

/** Tenderer, host and witness, each with a key of its own. */
export const holders: readonly Holder[] = [1, 2, 3].map((holder) => newHolder(holder));

export type Dealt = DealtOpeningKey | DealtWindowKey;

/** The role of a holder, by its number. */
export function roleOf(holder: number): HoldingRole {
  const role = ROLES[holder - 1];
  if (role === undefined) throw new Error(`no holder ${holder}`);
  return role;
}

/** What a holder finds in its dealt share. */
export async function ownShare(dealt: Dealt, holder: number): Promise<Uint8Array> {
  const own = holders[holder - 1];
  const sealed = dealt.shares[holder - 1]?.sealed ?? '';
  if (own === undefined) throw new Error(`no holder ${holder}`);
  const about = { about: 'dealt_share', openingId: OPENING_ID, holder } as const;
  const share = await openSecret(sealed, own.privateKey, own.kid, about);
  if (share === null) throw new Error('not dealt to this holder');
  return share;
}

/** Gives a holder's share, or another in its place, sealed to the key that the log names for it. */
export async function give(running: RunningRecorder, dealt: Dealt, holder: number, share?: Uint8Array) {
  const shareKey = shareKeyOf(await stateOf(running));
  if (shareKey === null) throw new Error('no key to seal shares to');
  const own = await ownShare(dealt, holder);
  const purpose = { about: 'unsealing_share', openingId: OPENING_ID, holder } as const;
  const sealed = await sealSecret(share ?? own, shareKey, purpose);
  const commitment = shareCommit(sha256, { openingId: OPENING_ID, holder }, own);
  return running.recorder.submit(submission('UnsealLayer', roleOf(holder), { commitment, sealed }));
}

/** A fresh opening of this policy with its ceremony held, published. */
export async function publishWithCeremony({ recorder }: RunningRecorder, dealt: Dealt, policy: Partial<Policy>) {
  await accepted(recorder.create(createRequest(NOTHING_SEEN, policy)));
  for (const { holder, key } of holders)
    await accepted(recorder.submit(submission('OfferHolderKey', roleOf(holder), { key })));
  const data = {
    ...('certificate' in dealt ? { certificate: toBase64(dealt.certificate) } : { windowKey: dealt.windowKey }),
    wrappedKey: toBase64(dealt.wrappedKey),
    secretCommit: dealt.secretCommit,
    shares: dealt.shares,
  };
  await accepted(recorder.submit(submission('DealOpeningKey', 'tenderer', data)));
  for (const { holder } of holders)
    await accepted(
      recorder.submit(submission('AcknowledgeShare', roleOf(holder), { secretCommit: dealt.secretCommit })),
    );
  await accepted(recorder.submit(submission('PublishOpening', 'host', {})));
}

/** What the audit finds in the log as it stands in the database. */
export async function problemsOf(hall: Hall): Promise<readonly unknown[]> {
  const rows = await hall.db.sql<{ seq: number; bytes: Uint8Array }[]>`
    SELECT seq, bytes FROM entries WHERE origin = ${ORIGIN} ORDER BY seq`;
  const texts = await readDisclosures(hall.db.sql, ORIGIN, 0, rows.length);
  const audit = createAudit(sha256);
  for (const { seq, bytes } of rows) {
    const entry = parseEntry(bytes);
    const mine = texts.filter((x) => x.seq === seq).map((x) => x.disclosure);
    const opened = openDisclosures(sha256, entry.commit, mine);
    if (!opened.ok) throw new Error(opened.reason);
    audit.add(entry, knownValues(opened.fields));
  }
  return audit.finish().problems;
}
