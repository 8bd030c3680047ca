/** /openings/<id>/timestamp: the newest head of an opening that an outside authority has stamped, and all that it takes to judge that stamp. */
import * as Type from 'typebox';
import { toBase64 } from '../core/log/base64.ts';
import { openingOrigin } from '../core/log/origin.ts';
import { splitElements } from '../core/timestamp/elements.ts';
import { findStampedHead, type StampedHead } from '../store/timestamps.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { ProblemError } from './errors.ts';
import { OpeningParams } from './schemas.ts';

const tags = ['openings'];

const said = {
  /** Entries of the opening that the stamp covers. */
  size: Type.Integer(),
  ledgerSeq: Type.Integer(),
  ledgerSize: Type.Integer(),
  authority: Type.String(),
  stampedAt: Type.Integer(),
  accuracyMs: Type.Union([Type.Integer(), Type.Null()]),
  policy: Type.String(),
  serial: Type.String(),
  revocation: Type.Enum(['good', 'undetermined']),
};
const Said = Type.Object(said);
const Evidence = Type.Object({
  ...said,
  /** The ledger's note word for word; its SHA-256 is what was stamped. */
  note: Type.String(),
  /** base64 of DER: the TimeStampResp, the certificates from the signer to the anchor, the revocation lists asked then. */
  response: Type.String(),
  certificates: Type.Array(Type.String()),
  crls: Type.Array(Type.String()),
});
const Answer = Type.Object({
  /** How many authorities this platform asks; with none nothing is ever stamped. */
  authorities: Type.Integer(),
  stamped: Type.Union([Said, Type.Null()]),
});

export function addTimestamps(app: Nouns, dependencies: Dependencies): void {
  app.get(
    '/openings/:openingId/timestamp',
    {
      schema: {
        tags,
        summary: 'The newest head that is time-stamped (RFC 3161), through the ledger',
        params: OpeningParams,
        response: { 200: Answer },
      },
    },
    async ({ params }) => {
      const found = await find(dependencies, params.openingId);
      return { authorities: dependencies.authorities, stamped: found === null ? null : factsOf(found) };
    },
  );
  app.get(
    '/openings/:openingId/timestamp/evidence',
    {
      schema: {
        tags,
        summary: 'That stamp itself, with the chain and the revocation lists of its moment',
        params: OpeningParams,
        response: { 200: Evidence },
      },
    },
    async ({ params }) => {
      const found = await find(dependencies, params.openingId);
      if (found === null) throw new ProblemError('no_timestamp');
      const { note, response, path, crls } = found.timestamp;
      return {
        ...factsOf(found),
        note,
        response: toBase64(response),
        certificates: splitElements(path).map(toBase64),
        crls: splitElements(crls).map(toBase64),
      };
    },
  );
}

/** Throws: ProblemError no_such_opening. */
async function find({ sql, hall, config }: Dependencies, openingId: string): Promise<StampedHead | null> {
  if ((await hall.room(openingId)) === null) throw new ProblemError('no_such_opening');
  return findStampedHead(sql, openingOrigin(config.platform, openingId));
}

function factsOf({ size, ledgerSeq, timestamp }: StampedHead): Type.Static<typeof Said> {
  const { ledgerSize, authority, stampedAt, accuracyMs, policy, serial, revocation } = timestamp;
  return { size, ledgerSeq, ledgerSize, authority, stampedAt, accuracyMs, policy, serial, revocation };
}
