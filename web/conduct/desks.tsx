/** The desks beside an opening: rulings, objections, the announcement, the chat, versions, what is special; a bidder's show what is about its own bid. */
import type { JSX } from 'preact';
import type { JsonObject } from '../../server/core/log/canonical.ts';
import type { Offer } from '../person/act-rows.ts';
import type { HeldEntry } from '../replica/replica.ts';
import { ChatDesk } from './chat-desk.tsx';
import './conduct.css';
import { ObjectionDesk } from './objection-desk.tsx';
import { ReaderDesk } from './reader.tsx';
import { RecordDesk } from './record-desk.tsx';
import { RulingDesk } from './ruling-desk.tsx';
import { SpecialDesk } from './special-desk.tsx';
import type { Stand } from './standing.ts';

export type DeskParts = {
  readonly stand: Stand;
  readonly offers: readonly Offer[];
  /** Opens the act's dialog with this filled in. */
  readonly onChoose: (offer: Offer, preset: Readonly<Record<string, string>>) => void;
};

/** Acts that have a desk: they need what it shows beside them. */
const AT_A_DESK: ReadonlySet<string> = new Set([
  'GiveRuling',
  'ContestRuling',
  'AnswerObjection',
  'DisputeAnswer',
  'Say',
  'Mute',
  'Unmute',
]);
export const hasDesk = ({ type }: Offer): boolean => AT_A_DESK.has(type);

export function Desks(
  parts: DeskParts & {
    readonly entries: readonly HeldEntry[];
    readonly onSay: (data: JsonObject) => Promise<boolean>;
  },
): JSX.Element {
  const { entries, onSay, ...own } = parts;
  const isHost = own.stand.role === 'host';
  return (
    <>
      <RulingDesk {...own} />
      <ObjectionDesk {...own} />
      {isHost ? <ReaderDesk {...own} /> : null}
      <SpecialDesk {...own} />
      <RecordDesk {...own} />
      <ChatDesk {...own} entries={entries} onSay={onSay} />
    </>
  );
}
