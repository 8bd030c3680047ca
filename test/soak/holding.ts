/** The holders of an opening key in a simulation: they offer keys, one deals, all acknowledge, and after the window most give their share, some a wrong one first, some none. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { split } from 'shamir-secret-sharing';
import { sealSecret } from '../../server/cli/seal/seal-secret.ts';
import { selfSigned } from '../../server/client/self-signed.ts';
import { toBase64 } from '../../server/core/log/base64.ts';
import type { Json } from '../../server/core/log/canonical.ts';
import {
  blindRules,
  isKeyGiven,
  type Layer,
  shareDealtTo,
  shareKeyOf,
  sharingRules,
} from '../../server/core/opening/layer.ts';
import { HOLDING_ROLES, type HoldingRole } from '../../server/core/opening/layer-commands.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { SECRET_BYTES, secretCommit, shareCommit } from '../../server/core/seal/opening-key.ts';
import { sha256 } from '../../server/hash.ts';
import { windowKeyId } from '../../server/vault/window-key.ts';
import { systemWorld } from '../../server/world.ts';
import type { Chance } from './chance.ts';
import { atEdge, type Mind, type Wish } from './programs.ts';

export type Holding = { wish(role: string, state: OpeningState, mind: Mind): Wish | null };

type Own = { readonly kid: string; readonly key: { kty: 'EC'; crv: 'P-256'; x: string; y: string } };
type Holder = Own & { readonly holdsBack: boolean; readonly isWrongFirst: boolean };

/** One for all openings: nothing is sealed to it here, and RSA keys take long to make. */
const CERTIFICATE = await makeCertificate();

async function makeCertificate(): Promise<string> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  const times = { notBeforeAt: 0, notAfterAt: Date.parse('2040-01-01T00:00:00Z') };
  const signing = (bytes: Uint8Array) => new Uint8Array(sign('sha256', bytes, privateKey));
  const { randomBytes } = systemWorld;
  return toBase64(await selfSigned({ name: 'simulation', ...times, spki, sign: signing }, { sha256, randomBytes }));
}

/** How many of the holders hold their share back, or give a wrong one first: shares of draws. */
const TEMPER = { holdsBack: 0.3, isWrongFirst: 0.3 };

function windowKeyOf({ holders }: Layer): Json {
  const [first] = holders;
  if (first === undefined) throw new Error('dealt to nobody');
  return { ...first.key };
}

/** Everybody who holds in one opening. */
export function createHolding(openingId: string, chance: Chance, temper = TEMPER): Holding {
  const holders = new Map<string, Holder>(HOLDING_ROLES.map((role) => [role, newHolder(role)]));
  /** What was dealt, by its secret's promise and the holder's number. */
  const dealt = new Map<string, Map<number, Uint8Array>>();

  function newHolder(role: HoldingRole): Holder {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
    const key = { kty: 'EC', crv: 'P-256', x, y } as const;
    const own = chance.of(role);
    return {
      key,
      kid: windowKeyId(key),
      holdsBack: own.happens(temper.holdsBack),
      isWrongFirst: own.happens(temper.isWrongFirst),
    };
  }

  async function deal({ layer, policy }: OpeningState, { threshold }: { readonly threshold: number }): Promise<Json> {
    const isBlind = blindRules(policy) !== null;
    const secret = Uint8Array.from(systemWorld.randomBytes(SECRET_BYTES));
    const promised = secretCommit(sha256, openingId, secret);
    const shares = await split(secret, layer.holders.length, threshold);
    const own = new Map(layer.holders.map(({ holder }, n) => [holder, shares[n] ?? new Uint8Array(0)]));
    dealt.set(promised, own);
    const sealed = await Promise.all(
      layer.holders.map(async ({ holder, kid, key }) => {
        const share = own.get(holder) ?? new Uint8Array(0);
        const purpose = { about: 'dealt_share', openingId, holder } as const;
        return {
          holder,
          commitment: shareCommit(sha256, { openingId, holder }, share),
          sealed: await sealSecret(share, { kid, key }, purpose),
        };
      }),
    );
    return {
      // nothing is sealed to either here, so any holder's key will do for a window's
      ...(isBlind ? { windowKey: windowKeyOf(layer) } : { certificate: CERTIFICATE }),
      wrappedKey: toBase64(new Uint8Array(64)),
      secretCommit: promised,
      shares: sealed,
    };
  }

  async function give(state: OpeningState, holder: number, isWrong: boolean): Promise<Json> {
    const { layer } = state;
    const shareKey = shareKeyOf(state);
    const share = Uint8Array.from(dealt.get(layer.key?.secretCommit ?? '')?.get(holder) ?? []);
    const commitment = shareCommit(sha256, { openingId, holder }, share);
    if (isWrong) share[0] = (share[0] ?? 0) ^ 1;
    if (shareKey === null) throw new Error('shares are asked for with no key to seal them to');
    const purpose = { about: 'unsealing_share', openingId, holder } as const;
    return { commitment, sealed: await sealSecret(share, shareKey, purpose) };
  }

  return {
    wish(role, state, mind) {
      const own = holders.get(role);
      const rules = sharingRules(state.policy);
      if (own === undefined || rules === null || state.suspended !== null) return null;
      const { layer } = state;
      const holder = layer.holders.find(({ kid }) => kid === own.kid)?.holder;
      if (state.phase === 'Draft') {
        if (holder === undefined) return { type: 'OfferHolderKey', data: { key: own.key } };
        if (layer.key === null) {
          const isDue = role === 'tenderer' && layer.holders.length === rules.holders;
          return isDue ? { type: 'DealOpeningKey', data: () => deal(state, rules) } : null;
        }
        if (shareDealtTo(layer, holder)?.acknowledged !== false) return null;
        return { type: 'AcknowledgeShare', data: { secretCommit: layer.key.secretCommit } };
      }
      if (state.phase !== 'TendererDecrypting' || holder === undefined || layer.unsealing === null) return null;
      const isGiven = layer.given.some((one) => one.holder === holder);
      if (isGiven || isKeyGiven(state) || (own.holdsBack && !mind.isLate)) return null;
      const isWrong = own.isWrongFirst && !layer.wrong.includes(holder);
      const wish: Wish = { type: 'UnsealLayer', data: () => give(state, holder, isWrong) };
      return mind.chance.happens(mind.temper.edge / 4) ? atEdge(wish, layer.unsealing.closesAt, mind) : wish;
    },
  };
}
