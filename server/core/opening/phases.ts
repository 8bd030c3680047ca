// The phases of one opening and, for each command, in which of them it may be asked: the whole table, cell by cell.
import type { CommandType } from './commands.ts';
import type { RefusalCode } from './refusals.ts';

/** The phases in the order of the domain's table; `Archived` alone is terminal. Suspension and objections are overlays, not phases. */
export const PHASES = [
  'Draft',
  'Scheduled',
  'CheckIn',
  'Sealed',
  'RosterPublished',
  'Drawing',
  'Decrypting',
  'TendererDecrypting',
  'Attribution',
  'Remedy',
  'Announcing',
  'QuoteRound',
  'RecordConfirm',
  'Closed',
  'ReviewMeeting',
  'HandedOver',
  'Archived',
  'Failed',
  'Aborted',
  'Postponed',
] as const;
export type Phase = (typeof PHASES)[number];

export type Cell = 'yes' | RefusalCode;
/** One cell for each phase: a new phase does not compile until every row has its cell. */
type CellFor<Each extends readonly unknown[]> = { readonly [I in keyof Each]: Cell };
type Row = CellFor<typeof PHASES>;

const y = 'yes';
const p = 'not_published_yet';
const e = 'too_early';
const l = 'too_late';
const w = 'window_not_open';
const v = 'window_is_over';
const o = 'opening_is_over';

/** Read a row from left to right as the opening goes by: Draft … Archived, then Failed, Aborted, Postponed. */
// biome-ignore format: a table is read in columns
export const PHASE_TABLE = {
  //                   Dra Sch Chk Sea Ros Drw Dec TDe Att Rem Ann Quo Rec Clo Rev Han Arc Fai Abo Pos
  AmendDraft:         [ y,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  o,  o,  o,  l],
  PublishOpening:     [ y,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  o,  o,  o,  l],
  AssignRole:         [ y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  l,  y,  y,  y,  y],
  WithdrawRole:       [ y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  l,  o,  y,  y,  y],
  OpenCheckIn:        [ p,  y,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  o,  o,  o,  e],
  Seal:               [ p,  e,  y,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  o,  o,  o,  e],
  PostponeOpening:    [ p,  y,  y,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  o,  o,  o,  l],
  RescheduleOpening:  [ p,  e,  e,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  o,  o,  o,  y],
  PublishRoster:      [ p,  e,  e,  y,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  o,  o,  o,  e],
  RecordScan:         [ p,  e,  e,  e,  y,  y,  y,  l,  l,  l,  l,  l,  l,  l,  l,  l,  o,  o,  o,  e],
  StartDrawing:       [ p,  e,  e,  e,  y,  l,  l,  l,  l,  l,  y,  l,  l,  l,  l,  l,  o,  o,  o,  e],
  CommitShare:        [ p,  e,  e,  e,  e,  y,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  o,  o,  o,  e],
  CloseCommitments:   [ p,  e,  e,  e,  e,  y,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  o,  o,  o,  e],
  RevealShare:        [ p,  e,  e,  e,  e,  y,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  o,  o,  o,  e],
  CloseReveals:       [ p,  e,  e,  e,  e,  y,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  o,  o,  o,  e],
  VoidDrawing:        [ p,  e,  e,  e,  e,  y,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  o,  o,  o,  e],
  OpenWindow:         [ p,  e,  e,  e,  y,  e,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  o,  o,  o,  e],
  ExtendWindow:       [ p,  w,  w,  w,  w,  w,  y,  v,  v,  v,  v,  v,  v,  v,  v,  v,  o,  o,  o,  w],
  EndWindowEarly:     [ p,  w,  w,  w,  w,  w,  y,  v,  v,  v,  v,  v,  v,  v,  v,  v,  o,  o,  o,  w],
  AcknowledgeChallenge:[p,  w,  w,  w,  w,  w,  y,  v,  v,  v,  v,  v,  v,  v,  v,  v,  o,  o,  o,  w],
  DecryptBid:         [ p,  w,  w,  w,  w,  w,  y,  v,  v,  v,  v,  v,  v,  v,  v,  v,  o,  o,  o,  w],
  RecordDecryption:   [ p,  w,  w,  w,  w,  w,  y,  y,  v,  y,  v,  v,  v,  v,  v,  v,  o,  o,  o,  w],
  CloseWindow:        [ p,  w,  w,  w,  w,  w,  y,  v,  v,  v,  v,  v,  v,  v,  v,  v,  o,  o,  o,  w],
  OfferHolderKey:     [ y,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  o,  o,  o,  l],
  DealOpeningKey:     [ y,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  o,  o,  o,  l],
  AcknowledgeShare:   [ y,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  o,  o,  o,  l],
  UnsealLayer:        [ p,  e,  e,  e,  e,  e,  e,  y,  l,  l,  l,  l,  l,  l,  l,  l,  o,  o,  o,  e],
  RecordLayer:        [ p,  e,  e,  e,  e,  e,  e,  y,  l,  l,  l,  l,  l,  l,  l,  l,  o,  o,  o,  e],
  CloseUnsealing:     [ p,  e,  e,  e,  e,  e,  e,  y,  l,  l,  l,  l,  l,  l,  l,  l,  o,  o,  o,  e],
  GiveRuling:         [ p,  e,  e,  e,  e,  e,  e,  e,  y,  e,  y,  e,  y,  l,  l,  l,  o,  o,  o,  e],
  ContestRuling:      [ p,  e,  e,  e,  e,  e,  e,  e,  y,  e,  y,  e,  y,  l,  l,  l,  o,  o,  o,  e],
  DeclareFailed:      [ p,  e,  e,  e,  e,  e,  e,  e,  y,  e,  l,  l,  l,  l,  l,  l,  o,  o,  o,  e],
  OpenRemedy:         [ p,  e,  e,  e,  e,  e,  e,  e,  y,  l,  l,  l,  l,  l,  l,  l,  o,  o,  o,  e],
  SubmitBackup:       [ p,  e,  e,  e,  e,  e,  e,  e,  e,  y,  l,  l,  l,  l,  l,  l,  o,  o,  o,  e],
  CloseRemedy:        [ p,  e,  e,  e,  e,  e,  e,  e,  e,  y,  l,  l,  l,  l,  l,  l,  o,  o,  o,  e],
  AnnouncePrices:     [ p,  e,  e,  e,  e,  e,  e,  e,  y,  e,  l,  l,  l,  l,  l,  l,  o,  o,  o,  e],
  StartQuoteRound:    [ p,  e,  e,  e,  e,  e,  e,  e,  e,  e,  y,  y,  l,  l,  l,  l,  o,  o,  o,  e],
  SubmitQuote:        [ p,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  y,  l,  l,  l,  l,  o,  o,  o,  e],
  ReleaseQuotes:      [ p,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  y,  l,  l,  l,  l,  o,  o,  o,  e],
  IssueRecord:        [ p,  e,  e,  e,  e,  e,  e,  e,  e,  e,  y,  y,  y,  l,  l,  l,  o,  o,  o,  e],
  SignRecord:         [ p,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  y,  l,  l,  l,  o,  o,  o,  e],
  RefuseRecord:       [ p,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  y,  l,  l,  l,  o,  o,  o,  e],
  TimeOutConfirmations:[p,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  y,  l,  l,  l,  o,  o,  o,  e],
  RaiseObjection:     [ p,  e,  e,  e,  y,  y,  y,  y,  y,  y,  y,  y,  y,  l,  l,  l,  o,  o,  o,  e],
  AnswerObjection:    [ p,  e,  e,  e,  y,  y,  y,  y,  y,  y,  y,  y,  y,  l,  l,  l,  o,  y,  y,  e],
  DisputeAnswer:      [ p,  e,  e,  e,  y,  y,  y,  y,  y,  y,  y,  y,  y,  l,  l,  l,  o,  y,  y,  e],
  ProposeClose:       [ p,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  y,  l,  l,  l,  o,  o,  o,  e],
  AttestClose:        [ p,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  y,  l,  l,  l,  o,  o,  o,  e],
  HandOver:           [ p,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  y,  y,  l,  o,  o,  o,  e],
  OpenReview:         [ p,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  y,  l,  l,  o,  o,  o,  e],
  ArchiveOpening:     [ p,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  y,  o,  y,  y,  e],
  SuspendOpening:     [ p,  e,  e,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  l,  l,  l,  o,  o,  o,  e],
  RequestSuspension:  [ p,  e,  e,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  l,  l,  l,  o,  o,  o,  e],
  FreezeForOutage:    [ p,  y,  y,  e,  e,  y,  y,  y,  e,  y,  e,  y,  y,  l,  l,  l,  o,  o,  o,  e],
  ResumeOpening:      [ p,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  l,  l,  l,  o,  o,  o,  e],
  EndSuspension:      [ p,  e,  e,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  l,  l,  l,  o,  o,  o,  e],
  ConfirmResume:      [ p,  y,  y,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  l,  o,  o,  o,  e],
  ProposeAbort:       [ y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  l,  l,  l,  o,  o,  o,  y],
  ConfirmAbort:       [ y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  l,  l,  l,  o,  o,  o,  y],
  OrderAbort:         [ y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  l,  l,  l,  o,  o,  o,  y],
  RecordRefusedAttempt:[p,  e,  e,  e,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  o,  y,  y,  e],
  RevokeBid:          [ p,  e,  e,  e,  y,  y,  y,  y,  y,  y,  y,  y,  y,  l,  l,  l,  o,  o,  o,  e],
  CorrectEmergency:   [ p,  e,  e,  e,  y,  y,  y,  y,  y,  y,  y,  y,  y,  l,  l,  l,  o,  o,  o,  e],
  ConfirmCorrection:  [ p,  e,  e,  e,  y,  y,  y,  y,  y,  y,  y,  y,  y,  l,  l,  l,  o,  o,  o,  e],
  ProposeErasure:     [ p,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  y,  e,  e,  e],
  ConfirmErasure:     [ p,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  e,  y,  e,  e,  e],
  AcknowledgePoint:   [ p,  e,  e,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  l,  l,  l,  o,  o,  o,  e],
  Say:                [ p,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  l,  y,  l,  o,  o,  o,  y],
  Mute:               [ p,  e,  e,  e,  y,  y,  y,  y,  y,  y,  y,  y,  y,  l,  y,  l,  o,  o,  o,  e],
  Unmute:             [ p,  e,  e,  e,  y,  y,  y,  y,  y,  y,  y,  y,  y,  l,  y,  l,  o,  o,  o,  e],
  GiveNotice:         [ p,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  l,  y,  l,  o,  o,  o,  y],
  AcknowledgeNotice:  [ p,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  y,  o,  y,  y,  y],
} as const satisfies Record<CommandType, Row>;

/** May this command be asked in this phase? `yes`, or the refusal that says why not. */
export function phaseCell(phase: Phase, command: CommandType): Cell {
  const row: Row = PHASE_TABLE[command];
  const cell = row[PHASES.indexOf(phase)];
  if (cell === undefined) throw new Error(`no cell for ${command} in ${phase}`);
  return cell;
}
