/** The body of a lodgement taken apart as it comes in: one line with the signed statement, then the envelope to the end. */
import { JWS_LIMIT_CHARACTERS } from '../core/log/act.ts';
import { ProblemError } from './errors.ts';

/** The statement as one line of ASCII, a line feed, then the envelope's bytes. */
export const BID_MEDIA_TYPE = 'application/vnd.kaibiao.bid';

const LINE_FEED = 0x0a;

export type BidUpload = {
  /** Compact JWS; what it says is for others to judge. */
  readonly statement: string;
  /** The rest, not read yet. Throws when the upload breaks off. */
  readonly envelope: AsyncIterable<Uint8Array>;
};

/**
 * Reads the first line.
 *
 * Throws: ProblemError statement_line_malformed when there is none, or it is too long or no ASCII; what `chunks` throws.
 * Why:    the statement comes first, so that an envelope nobody will take is refused before it has been carried here; in
 *         the body and not in a header, because a chain of certificates is longer than proxies let headers be. The stream is
 *         read by hand, never ended: ending it would close the connection before the refusal is on its way.
 */
export async function readBidUpload(chunks: AsyncIterable<Uint8Array>): Promise<BidUpload> {
  const source = chunks[Symbol.asyncIterator]();
  const line: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await source.next();
    if (done === true) throw new ProblemError('statement_line_malformed');
    const end = value.indexOf(LINE_FEED);
    const piece = end === -1 ? value : value.subarray(0, end);
    length += piece.length;
    if (length > JWS_LIMIT_CHARACTERS) throw new ProblemError('statement_line_malformed');
    line.push(piece.slice());
    if (end === -1) continue;
    const statement = Buffer.concat(line).toString('latin1');
    if (!/^[A-Za-z0-9._-]+$/.test(statement)) throw new ProblemError('statement_line_malformed');
    return { statement, envelope: rest(value.subarray(end + 1), source) };
  }
}

async function* rest(first: Uint8Array, source: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (first.length > 0) yield first;
  for (;;) {
    const { done, value } = await source.next();
    if (done === true) return;
    yield value;
  }
}
