/** Sends an envelope in parts by tus 1.0: goes on where the platform stands after a cut line, however often, and after being run again. */
import {
  ApiError,
  type Authorise,
  ask,
  backoff,
  PASSING_STATUSES,
  pause,
  type Transport,
  type UploadBody,
} from './transport.ts';

/** A bid on its way: its statement, and its envelope, any part of which can be opened anew. */
export type BidToSend = {
  readonly statement: string;
  readonly sizeBytes: number;
  /** The bytes from `from` to `to`, exclusive. */
  open(from: number, to: number): UploadBody;
  /** Bytes of one part, by default PART_BYTES. */
  readonly partBytes?: number;
  /** Told how much has arrived at the platform, by its own word. */
  progress?(sentBytes: number): void;
};

/** An envelope as small as this goes in one request: to go on with it would cost as much as to send it again. */
export const ONE_REQUEST_BYTES = 1_048_576;
/** Bytes of one part: a proof of the session key is made anew for each, and one part is lost at most. */
export const PART_BYTES = 16_777_216;
/** Tries in a row that bring nothing; with their pauses longer than the platform holds an upload for a line that it does not know dead. */
export const STALLED_LIMIT = 10;
/** Headers of each request that speaks tus. */
export const TUS = { 'tus-resumable': '1.0.0' } as const;

/**
 * Brings all of an envelope to the platform.
 *
 * Returns: the path at which the receipt is asked for.
 * Throws:  ApiError with the platform's refusal, or after STALLED_LIMIT tries without a byte more.
 * Why:     the same statement finds the same upload, so whoever is run again after being killed goes on without having kept anything else.
 */
export async function sendParts(
  transport: Transport,
  authorise: Authorise | undefined,
  { path, bid }: { readonly path: string; readonly bid: BidToSend },
): Promise<string> {
  const { statement, sizeBytes, partBytes = PART_BYTES, progress } = bid;
  const created = await ask(transport, {
    method: 'POST',
    path,
    headers: { ...TUS, 'upload-length': String(sizeBytes) },
    text: { mediaType: 'application/jose', text: statement },
    authorise,
  });
  const upload = created.headers.get('location') ?? '';
  if (!upload.startsWith(`${path}/`)) throw new ApiError('unreadable', 200, `${path}: the upload has no address`);
  let offset = offsetIn(created.headers, sizeBytes);
  progress?.(offset);
  let isUnsure = false;
  for (let stalled = 0; offset < sizeBytes; ) {
    const before = offset;
    try {
      if (isUnsure) offset = await askOffset();
      isUnsure = false;
      if (offset < sizeBytes) offset = await sendPart(offset);
    } catch (error) {
      if (!(error instanceof ApiError) || !mayPass(error) || ++stalled > STALLED_LIMIT) throw error;
      isUnsure = true;
      await pause(transport.world, backoff(transport.world, stalled));
    }
    if (offset > before) stalled = 0;
    progress?.(offset);
  }
  return `${upload}/lodgement`;

  async function askOffset(): Promise<number> {
    try {
      const { headers } = await ask(transport, { method: 'HEAD', path: upload, headers: TUS, authorise, retry: false });
      return offsetIn(headers, sizeBytes);
    } catch (error) {
      // An answer to HEAD has no words: why it is over, the lodgement says.
      if (error instanceof ApiError && error.code === 'unreadable' && !PASSING_STATUSES.includes(error.status))
        await ask(transport, { method: 'POST', path: `${upload}/lodgement`, authorise });
      throw error;
    }
  }

  async function sendPart(from: number): Promise<number> {
    const to = Math.min(from + partBytes, sizeBytes);
    const { headers } = await ask(transport, {
      method: 'PATCH',
      path: upload,
      headers: { ...TUS, 'upload-offset': String(from) },
      upload: {
        mediaType: 'application/offset+octet-stream',
        sizeBytes: to - from,
        open: () => bid.open(from, to),
      },
      authorise,
      retry: false,
    });
    return offsetIn(headers, sizeBytes);
  }
}

function offsetIn(headers: Headers, sizeBytes: number): number {
  const text = headers.get('upload-offset') ?? '';
  const offset = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(offset <= sizeBytes))
    throw new ApiError('unreadable', 200, 'the platform does not say how far the upload has come');
  return offset;
}

/** A cut line, a platform that restarts, another request that is not known dead yet, a disk that is full for now. */
function mayPass({ status, code }: ApiError): boolean {
  return (
    status === 0 ||
    PASSING_STATUSES.includes(status) ||
    ['upload_in_use', 'upload_offset_differs', 'upload_broken', 'storage_full'].includes(code)
  );
}
