// Erasure 个人信息删除: which withheld fields may be destroyed, on what ground, and how long the law has them kept (个人信息保护法47, 采购法42).
import type { ErasureBasis } from './erasure-bases.ts';
import { ERASURE_EVENTS, type StandingErasure } from './erasure-events.ts';
import { EVENTS, type EventType } from './events.ts';
import type { OpeningState } from './state.ts';

/**
 * The fields that may be erased: who a person is, from where and by what signature he acted, and what he said in words of his own.
 *
 * Why: never what was bid, opened, announced or recorded; of that the law has a record kept, and nobody's privacy is in it.
 */
export const ERASABLE_FIELDS: readonly string[] = ['who', 'source', 'act', 'account', 'text', 'reason', 'note'];

/** What is proposed and not confirmed yet. */
export function openErasures({ erasures }: Pick<OpeningState, 'erasures'>): readonly StandingErasure[] {
  return erasures.filter(({ done }) => !done);
}

/** Fifteen years of 366 days: documents of a procurement are kept at least so long from its end (采购法42). */
export const RETENTION_MS = 15 * 366 * 86_400_000;

/** Is there such a field in an event of this type, and may it be erased? */
export function isErasable(type: string, field: string): boolean {
  // who had something erased, and why, stays
  if (!Object.hasOwn(EVENTS, type) || Object.hasOwn(ERASURE_EVENTS, type)) return false;
  return ERASABLE_FIELDS.includes(field) && Object.hasOwn(EVENTS[type as EventType].withheld, field);
}

/**
 * Does the law allow an erasure on this ground at this instant?
 *
 * Shape: the opening is archived; while it runs nothing of its evidence is destroyed, whoever asks.
 * Why: 个人信息保护法 art. 47 (2) puts a term of retention before every request of the person; data that must not have been taken,
 *      and what a court orders, does not wait for it.
 */
export function isGroundThere(
  { phaseSince }: Pick<OpeningState, 'phaseSince'>,
  basis: ErasureBasis,
  at: number,
): boolean {
  if (basis === 'unlawful_processing' || basis === 'ordered') return true;
  return at >= phaseSince + RETENTION_MS;
}

/** Is this the second person's word for exactly what stands proposed? */
export function isErasedAsProposed({ erasures }: OpeningState, erased: Omit<StandingErasure, 'done'>): boolean {
  const standing = erasures[erased.number - 1];
  if (standing === undefined || standing.done || standing.by === erased.by) return false;
  return standing.seq === erased.seq && standing.field === erased.field && standing.basis === erased.basis;
}
