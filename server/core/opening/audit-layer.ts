// The digests of a key held in shares computed again from the log: keys by their names, the certificate, what every bid promised to be sealed to, and a refused share that was shown.
import { fromBase64, fromBase64Url, toBase64Url } from '../log/base64.ts';
import { canonicalise, isJsonObject } from '../log/canonical.ts';
import { LogFormatError } from '../log/error.ts';
import type { Sha256 } from '../log/hash.ts';
import { shareCommit } from '../seal/opening-key.ts';
import type { DigestText, Finding } from './audit-lists.ts';
import type { LayerEvent } from './evolve-layer.ts';
import { layerRules, type NamedKey, shareDealtTo } from './layer.ts';
import { personOf } from './staff.ts';
import type { OpeningState } from './state.ts';

/** What is wrong with an event of a key held in shares, beyond the rules. */
export function layerProblem(
  before: OpeningState | null,
  event: LayerEvent,
  digest: DigestText,
  sha256: Sha256,
): Finding {
  switch (event.type) {
    case 'HolderKeyOffered': {
      return keyProblem(event.body, digest) ?? holderProblem(before, event);
    }
    case 'ShareAcknowledged':
    case 'LayerShareGiven':
      return holderProblem(before, event);
    case 'OpeningKeyDealt': {
      const { certificate, certSha256, windowKey, kid } = event.body;
      if (windowKey !== undefined) return keyProblem({ kid: kid ?? '', key: windowKey }, digest);
      return digestOf(certificate ?? '', sha256) === certSha256 ? null : 'opening_key_differs';
    }
    case 'LayerShareRefused':
      return before === null ? null : (holderProblem(before, event) ?? refusedShareProblem(before, event, sha256));
    default:
      return null;
  }
}

/** Is a key called by another name than its RFC 7638 thumbprint? */
export function keyProblem({ kid, key: { crv, kty, x, y } }: NamedKey, digest: DigestText): Finding {
  return digest(canonicalise({ crv, kty, x, y })) === kid ? null : 'opening_key_differs';
}

/** Did somebody else act than the one who offered the key under this number? Where both may be known. */
function holderProblem(
  before: OpeningState | null,
  { body, fields }: Extract<LayerEvent, { readonly body: { readonly holder: number } }>,
): Finding {
  const account = before?.layer.holders.find((one) => one.holder === body.holder)?.account;
  const who = fields['who'];
  if (account?.known !== true || who?.known !== true) return null;
  const acted = isJsonObject(who.value) ? who.value['account'] : null;
  return typeof acted === 'string' && personOf(acted) === personOf(account.value) ? null : 'holder_differs';
}

function digestOf(certificate: string, sha256: Sha256): string | null {
  try {
    return toBase64Url(sha256(fromBase64(certificate)));
  } catch (fault) {
    if (fault instanceof LogFormatError) return null;
    throw fault;
  }
}

/** A share that is called wrong, and is shown to this reader, must be another than the one dealt: nobody is accused of a right one. */
function refusedShareProblem(
  { openingId, layer }: OpeningState,
  { body, fields }: Extract<LayerEvent, { type: 'LayerShareRefused' }>,
  sha256: Sha256,
): Finding {
  const { holder, why } = body;
  const shown = fields['share'];
  if (shown?.known !== true) return null;
  if (why !== 'not_as_committed') return shown.value === null ? null : 'layer_share_differs';
  if (typeof shown.value !== 'string') return 'layer_share_differs';
  try {
    const commitment = shareCommit(sha256, { openingId, holder }, fromBase64Url(shown.value));
    return commitment === shareDealtTo(layer, holder)?.commitment ? 'layer_share_differs' : null;
  } catch (fault) {
    if (fault instanceof LogFormatError) return 'layer_share_differs';
    throw fault;
  }
}

/** Every sealed bid promises a layer to this opening's key, and none where the policy asks for no layer. */
export function sealedToProblem({ policy, layer, lodgements }: OpeningState): Finding {
  if (!lodgements.known) return null;
  const wanted = layerRules(policy) === null ? undefined : (layer.key?.certSha256 ?? undefined);
  return lodgements.value.every((one) => one.layer?.openingCertSha256 === wanted) ? null : 'opening_key_differs';
}
