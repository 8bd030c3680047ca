/** Which law an opening stands under, as far as the pages name articles: the tendering law and its regulation, or the procurement law. */
import { PROFILES, type ProfileName } from '../../server/core/opening/policy.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';

/** Rehearsals rehearse a tender. */
const OF_PROCUREMENT: Readonly<Record<ProfileName, boolean>> = {
  engineering: false,
  rehearsal: false,
  government_procurement: true,
  negotiation: true,
  non_tender: true,
};

/** Do remedies follow 采购法 art. 52 (a query, 质疑, within seven working days) and not 条例 art. 60 (a complaint within ten days)? */
export const isOfProcurement = ({ profile }: Pick<OpeningState, 'profile'>): boolean => OF_PROCUREMENT[profile];

/** By which article one objects on the spot, as the opening's profile has it. */
export const objectionArticle = ({ profile }: Pick<OpeningState, 'profile'>): string =>
  PROFILES[profile].articles.objection;
