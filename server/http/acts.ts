/** GET /openings/<id>/acts/<actId>/proof: that one's own act on the register stands in the ledger. */
import * as Type from 'typebox';
import { formatRegisterProof } from '../core/log/register-proof.ts';
import { readAct } from '../recorder/register-acts.ts';
import { callerOf, callers } from './authenticate.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { ProblemError } from './errors.ts';
import { OpeningParams, strict } from './schemas.ts';

const Params = Type.Object(
  { ...OpeningParams.properties, actId: Type.String({ pattern: '^[A-Za-z0-9_-]{22}$' }) },
  strict,
);
const Proof = Type.Object({
  act: Type.String({ description: 'the act’s disclosure' }),
  batch: Type.Object({ index: Type.Integer(), hashes: Type.Array(Type.String()) }),
  entry: Type.String({ description: 'exact leaf text of the ledger’s entry for the batch' }),
  proof: Type.String({ description: '.tlog-proof of that entry' }),
});

export function addActs(app: Nouns, dependencies: Dependencies): void {
  app.get(
    '/openings/:openingId/acts/:actId/proof',
    {
      preParsing: callers(dependencies).must,
      schema: {
        tags: ['bids'],
        summary: 'The proof behind a receipt, one batch period after it',
        params: Params,
        response: { 200: Proof },
      },
    },
    async (request) => {
      const proof = await dependencies.ledger.proofOfAct(request.params.actId);
      // The same answer for an act that waits, one of somebody else, and one that never was.
      if (proof === null || readAct(proof.act).who.account !== callerOf(request).account)
        throw new ProblemError('act_not_in_ledger_yet');
      return formatRegisterProof(proof) as Type.Static<typeof Proof>;
    },
  );
}
