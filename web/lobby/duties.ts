/** What each role has to do next in each phase, by the same table the server decides by; the opening's own page knows better. */
import type { CommandType } from '../../server/core/opening/commands.ts';
import type { Phase } from '../../server/core/opening/phases.ts';
import type { RegisterCommandType } from '../../server/core/opening/register.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';

/** As whom somebody may look at the list. */
export const LOBBY_ROLES = [
  'public',
  'bidder',
  'tenderer',
  'host',
  'witness',
  'supervisor',
] as const satisfies readonly PersonRole[];
export type LobbyRole = (typeof LOBBY_ROLES)[number];

type Duties = Readonly<Partial<Record<LobbyRole, CommandType | RegisterCommandType>>>;

/** The list tells no policies: where a phase has two ways on, the duty names the common one. */
export const DUTIES = {
  Draft: {},
  Scheduled: { bidder: 'LodgeBid' },
  CheckIn: { bidder: 'CheckIn' },
  Sealed: { host: 'PublishRoster' },
  RosterPublished: { host: 'OpenWindow' },
  Drawing: { bidder: 'CommitShare', witness: 'CommitShare' },
  Decrypting: { bidder: 'DecryptBid' },
  TendererDecrypting: { tenderer: 'UnsealLayer', host: 'UnsealLayer', witness: 'UnsealLayer' },
  Attribution: { host: 'AnnouncePrices', witness: 'GiveRuling' },
  Remedy: { bidder: 'SubmitBackup' },
  Announcing: { host: 'IssueRecord' },
  QuoteRound: { bidder: 'SubmitQuote' },
  RecordConfirm: { bidder: 'SignRecord', host: 'ProposeClose', witness: 'AttestClose' },
  Closed: { host: 'HandOver' },
  ReviewMeeting: { host: 'HandOver' },
  HandedOver: {},
  Archived: {},
  Failed: {},
  Aborted: {},
  Postponed: { host: 'RescheduleOpening' },
} as const satisfies Record<Phase, Duties>;

/** Every act that is somebody's duty. */
export type Duty = { [P in Phase]: (typeof DUTIES)[P][keyof (typeof DUTIES)[P]] }[Phase];

/** What this role does now in an opening of this phase; null where it only looks on. */
export function dutyOf(role: LobbyRole, phase: Phase): Duty | null {
  const duties: Readonly<Partial<Record<LobbyRole, Duty>>> = DUTIES[phase];
  return duties[role] ?? null;
}
