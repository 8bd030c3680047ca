/** A streaming reader of CMS AuthEnvelopedData (DER and BER as `openssl cms -stream` and BouncyCastle write it); it holds no key and decrypts nothing. */
import { joinBytes } from '../log/bytes.ts';
import { type Der, derOid } from '../pki/der.ts';
import { type Feed, type Step, startFeed } from './byte-feed.ts';
import { CIPHER_SHAPES, type ContentAlgorithm, readContentAlgorithm } from './content-cipher.ts';
import { elementHead, LENGTH_OCTETS_LIMIT, readingDer, readLongLength, TAG } from './der.ts';
import { EnvelopeError } from './envelope-error.ts';
import { type Recipient, readRecipientInfos } from './recipient-info.ts';

// What the format fixes. An operator cannot change these, only the size of a whole envelope (config).
/** One RecipientInfo for an RSA key of 16,384 bits with a long issuer name is below this. */
export const HEADER_ELEMENT_LIMIT_BYTES = 8_192;
/** So no header is longer than this: the gate may ask for that much and has it whole. */
export const ENVELOPE_HEADER_LIMIT_BYTES = 65_536;
const SEGMENT_NESTING_LIMIT = 4;
/** Segments may be small now and then, not on average: each costs a call into the cipher. */
const SEGMENT_AVERAGE_BYTES = 256;
const SEGMENTS_ALWAYS_ALLOWED = 1_024;

export const OID_AUTH_ENVELOPED_DATA = '1.2.840.113549.1.9.16.1.23';
export const OID_DATA = '1.2.840.113549.1.7.1';

export type EnvelopeHeader = {
  /** The RecipientInfos SET, tag and length included, byte for byte as it stands in the envelope. */
  recipientInfos: Uint8Array;
  recipient: Recipient;
} & ContentAlgorithm;

export type EnvelopeEnd = { tag: Uint8Array; ciphertextBytes: number; envelopeBytes: number };

export type EnvelopeReader = {
  /** Feeds a chunk. Returns: the pieces of ciphertext in it, as views of the chunk. Throws: EnvelopeError, then the same for ever. */
  push(chunk: Uint8Array): Uint8Array[];
  /** The header as soon as it has been read whole. */
  header(): EnvelopeHeader | undefined;
  /** Says that no byte follows. Throws: EnvelopeError, `truncated` among others. */
  end(): EnvelopeEnd;
};

/** What another tag than the expected one means. */
type OtherTag = 'bad_tag' | 'not_auth_enveloped';
type Head = { tag: number /** undefined: indefinite */; length: number | undefined };
/** An element that is open; `end` is undefined when end-of-contents octets close it. Nothing in it may pass `limit`. */
type Container = { end: number | undefined; limit: number };

const NO_CONTAINER: Container = { end: undefined, limit: Number.MAX_SAFE_INTEGER };

/**
 * Starts reading one envelope.
 *
 * Shape:  exactly one RecipientInfo, AES-256-GCM or SM4-CTR with HMAC-SM3, content type data, no attributes, no originator.
 * Why:    whatever is not needed is refused, so that two readers can never see two bids in the same bytes.
 * Source: RFC 5083, RFC 5084, RFC 5652, RFC 6476.
 */
export function startEnvelope(): EnvelopeReader {
  let header: EnvelopeHeader | undefined;
  let pieces: Uint8Array[] = [];
  const parser = startFeed(
    (feed) =>
      readEnvelope(
        feed,
        (read) => {
          header = read;
        },
        (piece) => pieces.push(piece),
      ),
    () => new EnvelopeError('truncated'),
  );
  return {
    push(chunk) {
      pieces = [];
      parser.push(chunk);
      return pieces;
    },
    header: () => header,
    end: () => parser.end(),
  };
}

function* readEnvelope(
  feed: Feed,
  toHeader: (header: EnvelopeHeader) => void,
  toContent: (piece: Uint8Array) => void,
): Step<EnvelopeEnd> {
  const outer = open(feed, NO_CONTAINER, yield* readHead(feed), TAG.sequence, 'not_auth_enveloped');
  const type = yield* takeSmall(feed, outer, yield* readHead(feed), TAG.oid, 'not_auth_enveloped');
  if (readingDer(() => derOid(type)) !== OID_AUTH_ENVELOPED_DATA) throw new EnvelopeError('not_auth_enveloped');
  const explicit = open(feed, outer, yield* readHead(feed), TAG.constructedContext0);
  const data = open(feed, explicit, yield* readHead(feed), TAG.sequence);

  const version = yield* takeSmall(feed, data, yield* readHead(feed), TAG.integer);
  if (version.content.length !== 1 || version.content[0] !== 0) throw new EnvelopeError('bad_version');
  const afterVersion = yield* readHead(feed);
  if (afterVersion.tag === TAG.constructedContext0) throw new EnvelopeError('originator_info');
  const recipientInfos = (yield* takeSmall(feed, data, afterVersion, TAG.set)).full;
  const recipient = readRecipientInfos(recipientInfos);

  const content = open(feed, data, yield* readHead(feed), TAG.sequence);
  const contentType = yield* takeSmall(feed, content, yield* readHead(feed), TAG.oid);
  if (readingDer(() => derOid(contentType)) !== OID_DATA) throw new EnvelopeError('wrong_content_type');
  const cipher = yield* takeSmall(feed, content, yield* readHead(feed), TAG.sequence);
  const algorithm = readingDer(() => readContentAlgorithm(cipher));
  if (content.end === feed.position()) throw new EnvelopeError('no_content');
  const body = yield* readHead(feed);
  toHeader({ recipientInfos, recipient, ...algorithm });

  const ciphertextBytes = yield* passContent(feed, content, body, toContent);
  yield* close(feed, content);

  const afterContent = yield* readHead(feed);
  if (afterContent.tag === TAG.constructedContext1) throw new EnvelopeError('auth_attrs');
  if (afterContent.tag === TAG.octetString && afterContent.length !== CIPHER_SHAPES[algorithm.cipher].tagBytes)
    throw new EnvelopeError('short_tag');
  const tag = (yield* takeSmall(feed, data, afterContent, TAG.octetString)).content;
  yield* close(feed, data);
  yield* close(feed, explicit);
  yield* close(feed, outer);
  if (!(yield* feed.isAtEnd())) throw new EnvelopeError('trailing_bytes');
  return { tag, ciphertextBytes, envelopeBytes: feed.position() };
}

/** Passes the ciphertext on. Returns: its length in bytes. */
function* passContent(feed: Feed, parent: Container, head: Head, to: (piece: Uint8Array) => void): Step<number> {
  if (head.tag === TAG.context0) {
    const { end } = open(feed, parent, head, TAG.context0);
    if (end === undefined) throw new EnvelopeError('bad_length', 'a primitive value of indefinite length');
    const length = end - feed.position();
    yield* feed.pass(length, to);
    return length;
  }
  if (head.tag !== TAG.constructedContext0) throw new EnvelopeError('no_content');

  // A string in pieces: OCTET STRINGs, or constructed ones that hold such, innermost last in `nested`.
  const nested = [open(feed, parent, head, TAG.constructedContext0)];
  let ciphertextBytes = 0;
  let segments = 0;
  for (let inner = nested.at(-1); inner !== undefined; inner = nested.at(-1)) {
    if (inner.end === feed.position()) {
      nested.pop();
      continue;
    }
    const segment = yield* readHead(feed);
    if (inner.end === undefined && segment.tag === 0 && segment.length === 0) {
      nested.pop();
      continue;
    }
    if (++segments > SEGMENTS_ALWAYS_ALLOWED + ciphertextBytes / SEGMENT_AVERAGE_BYTES)
      throw new EnvelopeError('tiny_segments');
    if (segment.tag === TAG.constructedOctetString) {
      if (nested.length >= SEGMENT_NESTING_LIMIT) throw new EnvelopeError('nested_too_deep');
      nested.push(open(feed, inner, segment, segment.tag));
      continue;
    }
    const { end } = open(feed, inner, segment, TAG.octetString);
    if (end === undefined) throw new EnvelopeError('bad_length', 'a primitive value of indefinite length');
    const length = end - feed.position();
    yield* feed.pass(length, to);
    ciphertextBytes += length;
  }
  return ciphertextBytes;
}

function* readHead(feed: Feed): Step<Head> {
  const [tag = 0, first = 0] = yield* feed.take(2);
  if ((tag & 0x1f) === 0x1f) throw new EnvelopeError('bad_tag', 'tag number above 30');
  if (first < 0x80) return { tag, length: first };
  if (first === 0x80) return { tag, length: undefined };
  if (first > 0x80 + LENGTH_OCTETS_LIMIT) throw new EnvelopeError('bad_length', 'too many length octets');
  return { tag, length: readLongLength(yield* feed.take(first - 0x80)) };
}

/** Opens the element whose head has just been read. Throws: EnvelopeError `otherwise` for another tag, bad_length when it overruns `parent`. */
function open(feed: Feed, parent: Container, head: Head, tag: number, otherwise: OtherTag = 'bad_tag'): Container {
  if (head.tag !== tag) throw new EnvelopeError(otherwise, `expected 0x${tag.toString(16)}`);
  if (head.length === undefined) return { end: undefined, limit: parent.limit };
  const end = feed.position() + head.length;
  if (end > parent.limit) throw new EnvelopeError('bad_length', 'an element overruns its container');
  return { end, limit: end };
}

function* close(feed: Feed, container: Container): Step<void> {
  if (container.end === feed.position()) return;
  const { tag, length } = yield* readHead(feed);
  if (tag === TAG.constructedContext2) throw new EnvelopeError('unauth_attrs');
  const isEndOfContents = container.end === undefined && tag === 0 && length === 0;
  if (!isEndOfContents) throw new EnvelopeError('bad_tag', `unexpected 0x${tag.toString(16)}`);
}

/** The element whose head has just been read, whole: small, of definite length, and a copy, since chunks belong to the caller. */
function* takeSmall(feed: Feed, parent: Container, head: Head, tag: number, otherwise?: OtherTag): Step<Der> {
  const { end } = open(feed, parent, head, tag, otherwise);
  if (end === undefined) throw new EnvelopeError('bad_length', 'indefinite where DER is required');
  const length = end - feed.position();
  if (length > HEADER_ELEMENT_LIMIT_BYTES) throw new EnvelopeError('header_too_long');
  const ownHead = elementHead(tag, length);
  const full = joinBytes(ownHead, yield* feed.take(length));
  return { tag, full, content: full.subarray(ownHead.length) };
}
