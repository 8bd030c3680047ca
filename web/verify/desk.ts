/** What the verify page does: takes what it is given, fetches a public log where one was named, has it judged, keeps the outcome. */
import { type Signal, signal } from '@preact/signals';
import {
  type RecordMark,
  type RecordNumber,
  readRecordMark,
  readRecordNumber,
} from '../../server/core/opening/record-mark.ts';
import { readReceiptFile } from '../../server/verify/receipt-file.ts';
import { FILES_LIMIT } from './given-files.ts';
import type { Anchors, Given } from './judge-messages.ts';
import type { JudgeRoom, Outcome } from './judge-room.ts';
import { fetchPublicLog, type Get } from './public-log.ts';

export type DeskState =
  | { readonly kind: 'empty' }
  | { readonly kind: 'fetching'; readonly files: number }
  | { readonly kind: 'judging'; readonly entries: number }
  | { readonly kind: 'said'; readonly what: 'noCode' | 'unknownText' | 'fetchFailed' | 'notLoaded' | 'tooManyFiles' }
  | { readonly kind: 'notFound'; readonly id: string }
  /** The mark is of another platform, which this page asks nothing. */
  | { readonly kind: 'elsewhere'; readonly origin: string; readonly url: string }
  | Outcome;

export type Desk = {
  readonly state: Signal<DeskState>;
  readonly anchors: Signal<Anchors>;
  take(given: readonly Given[]): Promise<void>;
  /** A pasted receipt, number or text of a QR code. */
  takeText(text: string): Promise<void>;
  /** Holds what was given last, a record on paper, against its public log, which is fetched from this platform. */
  lookUp(mark: RecordMark): Promise<void>;
  say(what: 'noCode' | 'notLoaded'): void;
  clear(): void;
};

/** `origin` is the page's own. */
export function openDesk(room: JudgeRoom, get: Get, origin: string): Desk {
  const state = signal<DeskState>({ kind: 'empty' });
  const anchors = signal<Anchors>({ policy: null, stampRoots: null });
  let last: readonly Given[] = [];
  /** Whatever was asked before the last question is no longer shown. */
  let turn = 0;

  async function judge(
    given: readonly Given[],
    more: { mark: RecordMark | RecordNumber | null; isPublicView: boolean },
    own: number,
  ) {
    state.value = { kind: 'judging', entries: 0 };
    const asked = { given, anchors: anchors.value, ...more };
    const outcome = await room.judge(asked, (entries) => {
      if (own === turn) state.value = { kind: 'judging', entries };
    });
    if (own === turn) state.value = outcome;
  }

  async function fetchAndJudge(
    mark: RecordMark | RecordNumber,
    own: number,
    beside: readonly Given[] = [],
  ): Promise<void> {
    const id = mark.openingId;
    state.value = { kind: 'fetching', files: 0 };
    const withLedger = (anchors.value.policy ?? '').trim() !== '';
    const fetched = await fetchPublicLog(get, id, withLedger, (files) => {
      if (own === turn) state.value = { kind: 'fetching', files };
    }).catch((fault: unknown) => {
      // no network
      if (fault instanceof TypeError) return 'failed' as const;
      throw fault;
    });
    if (own !== turn) return;
    if (fetched === 'missing') state.value = { kind: 'notFound', id };
    else if (fetched === 'failed') state.value = { kind: 'said', what: 'fetchFailed' };
    else await judge([...beside, ...fetched.files], { mark, isPublicView: true }, own);
  }

  return {
    state,
    anchors,
    async take(given) {
      turn += 1;
      last = given;
      if (given.length > FILES_LIMIT) state.value = { kind: 'said', what: 'tooManyFiles' };
      else if (given.length > 0) await judge(given, { mark: null, isPublicView: false }, turn);
    },
    async takeText(text) {
      turn += 1;
      const found = readRecordMark(text);
      if (found !== null && found.origin !== null && found.origin !== origin)
        state.value = { kind: 'elsewhere', origin: found.origin, url: text.trim() };
      else if (found !== null) await fetchAndJudge(found.mark, turn);
      else if (readReceiptFile(text) !== null)
        await judge([{ path: '·', blob: new Blob([text]) }], { mark: null, isPublicView: false }, turn);
      else {
        const number = readRecordNumber(text);
        if (number === null) state.value = { kind: 'said', what: 'unknownText' };
        else await fetchAndJudge(number, turn);
      }
    },
    async lookUp(mark) {
      turn += 1;
      await fetchAndJudge(mark, turn, last);
    },
    say(what) {
      turn += 1;
      state.value = { kind: 'said', what };
    },
    clear() {
      turn += 1;
      state.value = { kind: 'empty' };
    },
  };
}
