/** What the acts of those ask for who hold an opening key in shares. */
import { isKeyGiven, sharingRules } from '../../server/core/opening/layer.ts';
import type { Shaping, Standpoint } from './act-rows.ts';

/** The numbers under which somebody in this role holds; whose they are the server knows. */
function ownNumbers({ state, role }: Standpoint): readonly number[] {
  return state.layer.holders.filter((one) => one.role === role).map(({ holder }) => holder);
}

export const offerHolderKey: Shaping = (standpoint) => {
  if (sharingRules(standpoint.state.policy) === null) return null;
  // offering once more replaces the key and voids what was dealt
  return { fields: [], isRare: ownNumbers(standpoint).length > 0 };
};

export const dealOpeningKey: Shaping = ({ state: { policy, layer } }) => {
  const rules = sharingRules(policy);
  if (rules === null || layer.holders.length < rules.holders) return null;
  const options = layer.holders.map(({ holder }) => String(holder));
  return {
    fields: options.length === rules.holders ? [] : [{ name: 'holders', kind: 'marks', options, count: rules.holders }],
    about: [['threshold', `${rules.threshold} / ${rules.holders}`]],
    isRare: layer.key !== null,
  };
};

export const acknowledgeShare: Shaping = (standpoint) => {
  const own = ownNumbers(standpoint);
  const { key } = standpoint.state.layer;
  const isOpen = key?.shares.some(({ holder, acknowledged }) => own.includes(holder) && !acknowledged) === true;
  return isOpen ? { fields: [{ name: 'holderFile', kind: 'file' }] } : null;
};

export const unsealLayer: Shaping = (standpoint) => {
  const own = ownNumbers(standpoint);
  const { state } = standpoint;
  const { key, given, unsealing } = state.layer;
  if (unsealing === null || unsealing.closedAt !== null || isKeyGiven(state)) return null;
  const isOpen = key?.shares.some(({ holder }) => own.includes(holder) && given.every((one) => one.holder !== holder));
  return isOpen === true ? { fields: [{ name: 'holderFile', kind: 'file' }] } : null;
};
