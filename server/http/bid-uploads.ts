/** /openings/<id>/bids/uploads: a sealed envelope that comes piece by piece by tus 1.0, and is lodged with its last byte. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import * as Type from 'typebox';
import { JWS_LIMIT_CHARACTERS } from '../core/log/act.ts';
import { parseInstant } from '../core/log/instant.ts';
import type { Answer } from '../recorder/submission.ts';
import { headerOfBid, isBidReceived } from '../store/bids.ts';
import { listUploads, type StoredUpload, type UploadOwner } from '../store/uploads.ts';
import { endOf } from '../vault/uploads.ts';
import { callerOf, callers, sourceOf } from './authenticate.ts';
import {
  type AcceptedStatement,
  acceptStatement,
  finaliseLodging,
  type Lodging,
  UNREAD_LIMIT_BYTES,
} from './bid-lodging.ts';
import { answerOf } from './commands.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { accepted, PROBLEMS, type ProblemCode, ProblemError } from './errors.ts';
import { AcceptedSchema, OpeningParams, strict } from './schemas.ts';
import { PART_MEDIA_TYPE, speakTus, TUS_VERSION, type TusActions } from './tus.ts';

const tags = ['bids'];
/** The lodgement statement as a creation brings it. */
export const STATEMENT_MEDIA_TYPE = 'application/jose';

const Params = Type.Object(
  { ...OpeningParams.properties, uploadId: Type.String({ pattern: '^[A-Za-z0-9_-]{22}$' }) },
  strict,
);
const Listed = Type.Object({
  uploads: Type.Array(
    Type.Object({
      uploadId: Type.String(),
      bidId: Type.String(),
      sizeBytes: Type.Integer(),
      receivedBytes: Type.Integer(),
      state: Type.String({
        description: 'under_way, lodged, or the code of its end, of which `zh` and `en` are the words',
      }),
      zh: Type.Union([Type.String(), Type.Null()]),
      en: Type.Union([Type.String(), Type.Null()]),
      createdAt: Type.Integer(),
      expiresAt: Type.Integer(),
    }),
  ),
  now: Type.Integer(),
});

type Asked = FastifyRequest<{ Params: { openingId: string; uploadId?: string } }>;

export function addBidUploads(app: Nouns, dependencies: Dependencies): void {
  const { config, sql, world, uploads } = dependencies;
  const common = { config: { isVital: true, limit: 'vital' }, preParsing: callers(dependencies).must } as const;
  const place = '/openings/:openingId/bids/uploads';
  app.addContentTypeParser(PART_MEDIA_TYPE, (_request, body, done) => done(null, body));
  app.addContentTypeParser(
    STATEMENT_MEDIA_TYPE,
    { parseAs: 'string', bodyLimit: JWS_LIMIT_CHARACTERS },
    (_request, text, done) => done(null, text),
  );

  app.post(
    place,
    {
      ...common,
      schema: {
        tags,
        summary: 'Begins an upload by tus (creation), or finds the one of the same statement',
        description: `Body: \`${STATEMENT_MEDIA_TYPE}\`: the signed lodgement statement. \`Upload-Length\` is what it says of the envelope. \`Location\` is where the envelope goes; a program that speaks tus is given it as the address of an upload that exists.`,
        params: OpeningParams,
      },
    },
    async (request, reply) => {
      needTus(request);
      const lodging = lodgingOf(request);
      const { body: statement } = request;
      if (typeof statement !== 'string') throw new ProblemError('media_type_not_taken');
      const { payload } = await acceptStatement(dependencies, lodging, statement);
      if (request.headers['upload-length'] !== String(payload.envelopeBytes))
        throw new ProblemError('envelope_not_as_signed', 'envelopeBytes');
      const upload = accepted(
        await uploads.create({
          ...ownerOf(request),
          command: payload.jti,
          bidId: payload.bidId,
          statement,
          sizeBytes: payload.envelopeBytes,
          deadlineAt: parseInstant(payload.deadlineAt),
        }),
      );
      if (upload.statement !== statement) throw new ProblemError('command_id_reused');
      await tus(request, reply, { newId: upload.id });
      reply.header('upload-offset', String(upload.receivedBytes));
      sayExpiry(reply, upload);
      return reply.send();
    },
  );

  app.options(
    place,
    { ...common, schema: { tags, summary: 'What of tus is spoken here', params: OpeningParams } },
    async (request, reply) => {
      await tus(request, reply);
      return reply.send();
    },
  );

  app.head(
    `${place}/:uploadId`,
    { ...common, schema: { tags, summary: 'How far an upload has come', params: Params } },
    async (request, reply) => {
      needTus(request);
      await tus(request, reply);
      sayExpiry(reply, await findUpload(request));
      return reply.send();
    },
  );

  app.patch(
    `${place}/:uploadId`,
    {
      ...common,
      // Its size is the gate's to bound, as it streams.
      bodyLimit: Number.MAX_SAFE_INTEGER,
      schema: {
        tags,
        summary: 'Brings the next bytes; the last one lodges the bid',
        description: `Body: \`${PART_MEDIA_TYPE}\`, from \`Upload-Offset\` on. The receipt is asked for at \`lodgement\`.`,
        params: Params,
      },
    },
    async (request, reply) => {
      needTus(request);
      if (Number(request.headers['content-length'] ?? Number.NaN) <= UNREAD_LIMIT_BYTES === false)
        reply.header('connection', 'close');
      await tus(request, reply);
      const upload = await findUpload(request);
      if (upload.receivedBytes === upload.sizeBytes) answerOf(await lodge(request));
      else sayExpiry(reply, upload);
      reply.removeHeader('connection');
      return reply.send();
    },
  );

  app.delete(
    `${place}/:uploadId`,
    { ...common, schema: { tags, summary: 'Gives up an upload (termination)', params: Params } },
    async (request, reply) => {
      needTus(request);
      await tus(request, reply);
      return reply.send();
    },
  );

  app.post(
    `${place}/:uploadId/lodgement`,
    {
      ...common,
      schema: {
        tags,
        summary:
          'Lodges a complete upload that is not lodged yet, and answers with the platform’s receipt, as often as it is asked',
        params: Params,
        response: { 200: AcceptedSchema },
      },
    },
    async (request) => answerOf(await lodge(request)),
  );

  app.get(
    place,
    {
      ...common,
      schema: {
        tags,
        summary: 'One’s own uploads in this opening, the newest first, and how each ended',
        params: OpeningParams,
        response: { 200: Listed },
      },
    },
    async (request) => {
      const listed = await listUploads(sql, ownerOf(request));
      return { uploads: await Promise.all(listed.map(described)), now: world.now() };
    },
  );

  function tus(request: Asked, reply: FastifyReply, more: { readonly newId?: string } = {}): Promise<void> {
    const path = `/openings/${request.params.openingId}/bids/uploads`;
    return speakTus(request, reply, { path, limitBytes: config.bidLimitBytes, actions: actionsOf(request), ...more });
  }

  /** What the caller may do to the upload it names. */
  function actionsOf(request: Asked): TusActions {
    return {
      find: () => underWay(request),
      async write(_id, from, chunks) {
        const upload = await underWay(request);
        if (upload.ended === 'lodged') return upload.receivedBytes;
        const { gate } = await acceptStatement(dependencies, lodgingOf(request), upload.statement);
        return accepted(await uploads.write(upload, from, chunks, gate)).receivedBytes;
      },
      async giveUp() {
        const upload = await underWay(request);
        if (upload.ended === null) accepted(await uploads.giveUp(upload));
      },
    };
  }

  async function findUpload(request: Asked): Promise<StoredUpload> {
    return accepted(await uploads.find(ownerOf(request), request.params.uploadId ?? ''));
  }

  /** Throws: ProblemError: how it ended, unless it was lodged. */
  async function underWay(request: Asked): Promise<StoredUpload> {
    const upload = await findUpload(request);
    const end = await endNow(upload);
    if (end !== null) throw new ProblemError(end);
    return upload;
  }

  /** How an upload has ended, by the clock too; null while it is under way, when it was lodged, and while that is being decided. */
  async function endNow(upload: StoredUpload): Promise<ProblemCode | null> {
    const { ended, sizeBytes, receivedBytes, deadlineAt, expiresAt } = upload;
    if (ended !== null) return endOf(upload) as ProblemCode | null;
    const now = world.now();
    if (now < deadlineAt && now < expiresAt) return null;
    if (receivedBytes === sizeBytes && (await isBidReceived(sql, upload))) return null;
    return now >= deadlineAt ? 'upload_withdrawn' : 'upload_expired';
  }

  /** Throws: ProblemError as acceptStatement's, upload_…, and the envelope_… codes of a file that is not what was signed. */
  async function lodge(request: Asked): Promise<Answer> {
    const upload = await underWay(request);
    const lodging = lodgingOf(request);
    const bid = await acceptStatement(dependencies, lodging, upload.statement);
    if (upload.ended === 'lodged') return answerAgain(lodging, bid, upload);
    const complete = accepted(await uploads.complete(upload, bid.gate));
    // 1. The file is finished in the vault; a crash here leaves the upload complete, and whoever asks again goes on.
    try {
      // 2. The bid stands, and whoever asks again gets the receipt.
      const answer = await finaliseLodging(dependencies, lodging, bid, complete.received);
      // 3. The upload has ended.
      await complete.end(answer.outcome === 'refused' ? answer.code : null);
      return answer;
    } catch (error) {
      await complete.release();
      throw error;
    }
  }

  /** The first answer again, for a sender who lost it. */
  async function answerAgain(lodging: Lodging, bid: AcceptedStatement, { id }: StoredUpload): Promise<Answer> {
    const recipientInfos = await headerOfBid(sql, bid.payload.bidId);
    if (recipientInfos === null) throw new Error('an upload was lodged as a bid that is not there');
    return finaliseLodging(dependencies, lodging, bid, { name: id, recipientInfos });
  }

  async function described(upload: StoredUpload): Promise<Type.Static<typeof Listed>['uploads'][number]> {
    const { id, bidId, sizeBytes, receivedBytes, createdAt, expiresAt, ended } = upload;
    const end = await endNow(upload);
    const { zh, en } = end === null ? { zh: null, en: null } : PROBLEMS[end];
    const state = end ?? ended ?? 'under_way';
    return { uploadId: id, bidId, sizeBytes, receivedBytes, state, zh, en, createdAt, expiresAt };
  }
}

function ownerOf(request: Asked): UploadOwner {
  return { openingId: request.params.openingId, account: callerOf(request).account };
}

function lodgingOf(request: Asked): Lodging {
  return { openingId: request.params.openingId, caller: callerOf(request), source: sourceOf(request) };
}

function needTus({ headers }: FastifyRequest): void {
  if (headers['tus-resumable'] !== TUS_VERSION) throw new ProblemError('tus_version_differs');
}

/** Until when the next bytes must come: the deadline at the latest. */
function sayExpiry(reply: FastifyReply, { ended, expiresAt, deadlineAt }: StoredUpload): void {
  if (ended === null) reply.header('upload-expires', new Date(Math.min(expiresAt, deadlineAt)).toUTCString());
}
