// The root that freezes the sealed envelopes at the deadline: one digest over every standing lodgement, nothing of them in it.
import { toBase64Url } from '../log/base64.ts';
import { canonicalise } from '../log/canonical.ts';
import type { Sha256 } from '../log/hash.ts';
import { leafHash, rootOf } from '../log/merkle.ts';
import { utf8 } from '../log/utf8.ts';
import type { Lodgement } from './rows.ts';

/**
 * The RFC 6962 root over the lodgements.
 *
 * Shape:   leaf i = RFC 8785 bytes of lodgement i, in the order of credit codes; base64url of 32 bytes, the empty root for none.
 * Why:     a tree and not one hash, so that one bidder's place in it can later be shown without the others.
 */
export function envelopesRootOf(sha256: Sha256, lodgements: readonly Lodgement[]): string {
  const leaves = lodgements.map((lodgement) => leafHash(sha256, utf8(canonicalise(lodgement))));
  return toBase64Url(rootOf(sha256, leaves));
}
