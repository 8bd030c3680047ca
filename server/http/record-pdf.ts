/** GET /openings/<id>/record.pdf: a version of the record on paper, in the form that everyone may read, signed, with its place on the log as a QR code. */
import * as Type from 'typebox';
import { toBase64 } from '../core/log/base64.ts';
import { openingOrigin } from '../core/log/origin.ts';
import type { OpeningRecord, PublicRecord } from '../core/opening/record.ts';
import { roleSees } from '../core/opening/visibility.ts';
import { createRecordPdfs } from '../dossier/record-pdfs.ts';
import { signRecord } from '../dossier/signed-record.ts';
import { issuedAt, rootAt } from '../store/read-log.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { ProblemError } from './errors.ts';
import { versionOf } from './record.ts';
import { OpeningParams, strict } from './schemas.ts';

const Query = Type.Object(
  {
    version: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,5}$', description: 'the current one when left out' })),
  },
  strict,
);

export function addRecordPdf(app: Nouns, { recorder, sql, config, signer, world }: Dependencies): void {
  const pdfs = createRecordPdfs(world, (asked, pdf) => signRecord(signer, config.platform, asked, pdf));
  const origin = config.publicOrigin ?? `https://${config.platform}`;
  app.get(
    '/openings/:openingId/record.pdf',
    {
      schema: {
        tags: ['openings'],
        summary:
          'The opening record as a PDF in the form the public reads, signed by the key of its log; the same record makes the same bytes',
        params: OpeningParams,
        querystring: Query,
      },
    },
    async ({ params: { openingId }, query }, reply) => {
      const state = await recorder.stateOf(openingId);
      if (state === null) throw new ProblemError('no_such_opening');
      const version = versionOf(state, query.version === undefined ? null : Number(query.version));
      const isOriginal = roleSees('public', { type: 'RecordIssued', field: 'record', body: {} }, state);
      const shown = isOriginal ? version.document : version.publicForm;
      const log = openingOrigin(config.platform, openingId);
      const seq = await issuedAt(sql, log, version.version);
      if (!shown.known || seq === null) throw new Error('the recorder knows the record and the log its place');
      const mark = {
        openingId,
        version: version.version,
        sha256: version.sha256,
        size: seq + 1,
        root: toBase64(await rootAt(sql, log, seq + 1)),
      };
      const made = pdfs.of({ record: shown.value as OpeningRecord | PublicRecord, mark, origin });
      if (made === null) throw new ProblemError('overloaded');
      return reply
        .type('application/pdf')
        .header('content-disposition', `inline; filename="${openingId}-${version.version}.pdf"`)
        .send(Buffer.from(await made));
    },
  );
}
