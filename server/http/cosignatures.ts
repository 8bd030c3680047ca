/** /openings/<id>/cosignatures: how many outside cosigners this opening asks for, and how far they have countersigned it. */
import * as Type from 'typebox';
import { ledgerOrigin, openingOrigin } from '../core/log/origin.ts';
import { cosignedOpening } from '../ledger/cosigned-openings.ts';
import { claimants } from '../ledger/cosigner-standings.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { ProblemError } from './errors.ts';
import { OpeningParams } from './schemas.ts';

const Answer = Type.Object({
  /** As the opening's genesis says; 0: its close waits for nobody. */
  quorum: Type.Integer(),
  cosigners: Type.Integer(),
  /** How many of those whom the platform asks now claim another history of the ledger, and have shown nothing of it. */
  claiming: Type.Integer(),
  /** Entries of the opening that stand under a head of the ledger that so many of them signed. */
  cosigned: Type.Union([Type.Object({ size: Type.Integer(), by: Type.Integer() }), Type.Null()]),
});

export function addCosignatures(app: Nouns, { hall, sql, config, cosignersSeen }: Dependencies): void {
  app.get(
    '/openings/:openingId/cosignatures',
    {
      schema: {
        tags: ['openings'],
        summary: 'How far outside cosigners have countersigned the opening, through the ledger',
        params: OpeningParams,
        response: { 200: Answer },
      },
    },
    async ({ params: { openingId } }) => {
      const room = await hall.room(openingId);
      if (room === null) throw new ProblemError('no_such_opening');
      const { cosigners } = room.state();
      const { platform } = config;
      const logs = { ledger: ledgerOrigin(platform), origin: openingOrigin(platform, openingId) };
      return {
        quorum: cosigners.quorum,
        cosigners: new Set(cosigners.vkeys).size,
        claiming: claimants(cosignersSeen()).length,
        cosigned: await cosignedOpening(sql, logs, cosigners),
      };
    },
  );
}
