/** The tus 1.0 protocol for one request, spoken by @tus/server over what the vault does; refusals leave it as our problems. */
import { Readable } from 'node:stream';
import { DataStore, Server, Upload } from '@tus/server';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ProblemError } from './errors.ts';

export const TUS_VERSION = '1.0.0';
/** The body of a PATCH. */
export const PART_MEDIA_TYPE = 'application/offset+octet-stream';

/** An upload as the protocol sees it. */
export type TusUpload = { readonly id: string; readonly sizeBytes: number; readonly receivedBytes: number };

/** What the protocol asks for in one request; what these throw is thrown to its caller. */
export type TusActions = {
  find(id: string): Promise<TusUpload>;
  /** Returns: where the upload stands afterwards. */
  write(id: string, from: number, chunks: AsyncIterable<Uint8Array>): Promise<number>;
  giveUp(id: string): Promise<void>;
};

/** What tus itself refuses, by its status. */
const BY_STATUS: Readonly<Record<number, ConstructorParameters<typeof ProblemError>[0]>> = {
  404: 'no_such_upload',
  409: 'upload_offset_differs',
  410: 'upload_expired',
  412: 'tus_version_differs',
  413: 'envelope_not_as_signed',
};
/** Of its headers those that are the protocol's; which pages may read us is not for it to say. */
const ITS_HEADERS = /^(tus-|upload-|location$)/;

/** One request's view of the uploads. */
class Uploads extends DataStore {
  override extensions = ['creation', 'termination', 'expiration'];
  /** The first thing that went wrong: tus may pass on another, or none. */
  fault: unknown;
  readonly actions: TusActions;

  constructor(actions: TusActions) {
    super();
    this.actions = actions;
  }

  override async getUpload(id: string): Promise<Upload> {
    const { sizeBytes, receivedBytes } = await this.#noting(this.actions.find(id));
    return new Upload({ id, size: sizeBytes, offset: receivedBytes });
  }

  override async write(stream: Readable, id: string, offset: number): Promise<number> {
    return this.#noting(this.actions.write(id, offset, stream));
  }

  override async remove(id: string): Promise<void> {
    await this.#noting(this.actions.find(id));
    await this.#noting(this.actions.giveUp(id));
  }

  async #noting<Value>(work: Promise<Value>): Promise<Value> {
    try {
      return await work;
    } catch (error) {
      this.fault ??= error;
      throw error;
    }
  }
}

/**
 * Answers one request of the protocol.
 *
 * Shape:  the body of a PATCH is not read yet; that of any other request is none of the protocol's.
 * Throws: ProblemError for what tus refuses; what the actions throw.
 * Why:    a server for each request, because its hooks cannot tell whose request it is, and of a store's own error it makes
 *         "aborted". Locks and expiry are the vault's: tus counts by a clock of its own and knows one process.
 */
export async function speakTus(
  request: FastifyRequest,
  reply: FastifyReply,
  { path, newId, limitBytes, actions }: TusRequest,
): Promise<void> {
  reply.header('tus-resumable', TUS_VERSION).header('tus-version', TUS_VERSION);
  const store = new Uploads(actions);
  const tus = new Server({
    path,
    datastore: store,
    relativeLocation: true,
    maxSize: limitBytes,
    ...(newId !== undefined && { namingFunction: () => newId }),
  });
  const answer = await tus.handleWeb(asWeb(request));
  if (store.fault !== undefined) throw store.fault;
  if (answer.status >= 400) throw new ProblemError(BY_STATUS[answer.status] ?? 'request_malformed');
  answer.headers.forEach((value, name) => {
    if (ITS_HEADERS.test(name)) reply.header(name, value);
  });
  reply.code(answer.status);
}

export type TusRequest = {
  /** Of the uploads, without a slash at the end. */
  readonly path: string;
  /** The id that a creation is to give. */
  readonly newId?: string;
  readonly limitBytes: number;
  readonly actions: TusActions;
};

function asWeb({ method, url, headers, body }: FastifyRequest): Request {
  const pairs = Object.entries(headers).flatMap(([name, value]) =>
    typeof value === 'string' ? [[name, value] satisfies [string, string]] : [],
  );
  const init = { method, headers: pairs };
  const address = new URL(url, 'http://tus.invalid');
  if (method !== 'PATCH' || !(body instanceof Readable)) return new Request(address, init);
  return new Request(address, { ...init, body: Readable.toWeb(body) as ReadableStream, duplex: 'half' } as RequestInit);
}
