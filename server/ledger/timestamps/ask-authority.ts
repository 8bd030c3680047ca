/** Asks one time-stamping authority over HTTP and judges what it says, with the revocation lists that its certificates point to. */
import { utf8 } from '../../core/log/utf8.ts';
import type { Certificate } from '../../core/pki/certificate.ts';
import { type Crl, parseCrl } from '../../core/pki/crl.ts';
import { CertificateError } from '../../core/pki/der.ts';
import { isOver } from '../../core/pki/path.ts';
import { NONCE_BYTES, writeTimestampRequest } from '../../core/timestamp/request.ts';
import { RESPONSE_LIMIT_BYTES } from '../../core/timestamp/token.ts';
import { CLOCK_LIMIT_MS, type TimestampResult, verifyTimestamp } from '../../core/timestamp/verify.ts';
import { digestByOid, sha256 } from '../../hash.ts';
import { verifyCertificateSignature } from '../../identity/signature.ts';
import type { World } from '../../world.ts';
import type { Authority } from './authorities.ts';

/** How long an authority, or a place of lists, may take to answer. */
export const ANSWER_LIMIT_MS = 10_000;
/** A list that is fetched has no more; an authority's own CA has few certificates. */
export const LIST_LIMIT_BYTES = 8_388_608;
/** Places of lists that are asked for one path. */
export const PLACES_LIMIT = 8;
/** How long a fetched list is asked again, while it holds. */
const LIST_AGE_LIMIT_MS = 3_600_000;

/** An authority did not answer, or its answer does not hold; `code` is a reason of core/timestamp, or one of these. */
export class StampingError extends Error {
  readonly code: string;
  constructor(code: string, authority: string, detail: string) {
    super(`${authority}: ${code}${detail === '' ? '' : `: ${detail}`}`);
    this.name = 'StampingError';
    this.code = code;
  }
}

export type Stamped = Extract<TimestampResult, { ok: true }> & { readonly response: Uint8Array };

export type AskDependencies = {
  readonly world: World;
  readonly fetch: typeof fetch;
  readonly lists: ListMemory;
  /** Told of each list that cannot be had: revocation may then stay undetermined. */
  readonly onListFault: (error: StampingError) => void;
};

/** Lists that were fetched, by their address. */
export type ListMemory = Map<string, { readonly crl: Crl; readonly fetchedAt: number }>;

/**
 * Has a text stamped.
 *
 * Returns: what the authority says, judged, with the lists of that moment.
 * Throws:  StampingError: `unreachable`, `clock_differs`, or why core/timestamp refuses the answer.
 */
export async function askAuthority(
  dependencies: AskDependencies,
  authority: Authority,
  text: string,
): Promise<Stamped> {
  const { world } = dependencies;
  const { url, policies } = authority;
  const imprint = sha256(utf8(text));
  const nonce = world.randomBytes(NONCE_BYTES);
  const request = writeTimestampRequest({ imprint, nonce, ...(policies?.[0] && { policy: policies[0] }) });
  const askedAt = world.now();
  const response = await load(dependencies, url, RESPONSE_LIMIT_BYTES, {
    method: 'POST',
    headers: { 'content-type': 'application/timestamp-query', accept: 'application/timestamp-reply' },
    body: Buffer.from(request),
  }).catch((error: Error) => {
    throw new StampingError('unreachable', url, error.message);
  });
  const question = {
    ...authority,
    response,
    imprint,
    nonce,
    digest: digestByOid,
    verifySignature: verifyCertificateSignature,
  };
  const bare = heldBy(url, verifyTimestamp(question));
  const slack = CLOCK_LIMIT_MS + (bare.accuracyMs ?? 0);
  if (bare.at < askedAt - slack || bare.at > world.now() + slack)
    throw new StampingError('clock_differs', url, `by ${bare.at - world.now()} ms`);
  if (bare.revocation === 'good') return { ...bare, response };
  const crls = await listsOf(dependencies, bare.path);
  return { ...heldBy(url, verifyTimestamp({ ...question, crls })), response };
}

function heldBy(url: string, result: TimestampResult): Extract<TimestampResult, { ok: true }> {
  if (!result.ok) throw new StampingError(result.reason, url, result.detail ?? '');
  return result;
}

/** The lists that the certificates of a path point to, as far as they can be had. Only of a path that holds: a stranger's certificate sends us nowhere. */
async function listsOf(dependencies: AskDependencies, path: readonly Certificate[]): Promise<Crl[]> {
  const places = new Set(path.slice(0, -1).flatMap(placesOf));
  const lists = await Promise.all([...places].slice(0, PLACES_LIMIT).map((place) => listAt(dependencies, place)));
  return lists.flatMap((crl) => crl ?? []);
}

function placesOf({ crlDistributionPoints = [] }: Certificate): string[] {
  return crlDistributionPoints.flatMap(({ name }) =>
    name !== undefined && 'full' in name
      ? name.full.flatMap((each) => (each.kind === 'uri' && /^https?:\/\//.test(each.value) ? [each.value] : []))
      : [],
  );
}

/** The list at an address; undefined when it cannot be had or read, which leaves the question open and refuses nothing. */
async function listAt(dependencies: AskDependencies, place: string): Promise<Crl | undefined> {
  const { world, lists } = dependencies;
  const known = lists.get(place);
  const now = world.now();
  const isCurrent = known?.crl.nextUpdateAt !== undefined && !isOver(known.crl.nextUpdateAt, now);
  if (known !== undefined && isCurrent && now < known.fetchedAt + LIST_AGE_LIMIT_MS) return known.crl;
  try {
    const crl = parseCrl(await load(dependencies, place, LIST_LIMIT_BYTES, {}));
    lists.set(place, { crl, fetchedAt: now });
    return crl;
  } catch (error) {
    const code = error instanceof CertificateError ? 'list_malformed' : 'list_unreachable';
    dependencies.onListFault(new StampingError(code, place, (error as Error).message));
    return known?.crl;
  }
}

/** The body of an answer 200. Throws: Error when there is none in time, or a longer one. */
async function load(
  { world, fetch }: AskDependencies,
  url: string,
  limitBytes: number,
  request: RequestInit,
): Promise<Uint8Array> {
  const late = new AbortController();
  const cancel = world.after(ANSWER_LIMIT_MS, () => late.abort(new Error('no answer in time')));
  try {
    const answer = await fetch(url, { ...request, redirect: 'error', signal: late.signal });
    if (answer.status !== 200) throw new Error(`status ${answer.status}`);
    const parts: Uint8Array[] = [];
    let length = 0;
    for await (const part of answer.body ?? []) {
      length += part.length;
      if (length > limitBytes) throw new Error(`more than ${limitBytes} bytes`);
      parts.push(part);
    }
    return new Uint8Array(Buffer.concat(parts));
  } finally {
    cancel();
  }
}
