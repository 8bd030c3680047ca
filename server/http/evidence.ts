/** /evidence: what certificates were judged by, for whoever has the digest of a judgement from an entry's `who`. */
import * as Type from 'typebox';
import { readEvidence } from '../identity/evidence.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { ProblemError } from './errors.ts';
import { strict } from './schemas.ts';

const DigestText = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' });
const Params = Type.Object({ judgement: DigestText, file: DigestText }, strict);

export function addEvidence(app: Nouns, { sql }: Dependencies): void {
  app.get(
    '/evidence/:judgement/:file',
    {
      schema: {
        tags: ['logs'],
        summary: 'A judgement under its own digest, or a certificate, list or OCSP response that it names',
        params: Params,
      },
    },
    async ({ params }, reply) => {
      const bytes = await readEvidence(sql, params.judgement, params.file);
      if (bytes === null) throw new ProblemError('no_such_evidence');
      // Kept under its own digest: it never changes. Private, for its address is what keeps it so.
      return reply
        .header('cache-control', 'private, max-age=31536000, immutable')
        .type(params.file === params.judgement ? 'application/json' : 'application/octet-stream')
        .send(Buffer.from(bytes));
    },
  );
}
