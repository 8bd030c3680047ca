/** GET /platform: its name, its clock, and the public keys that receipts and the platform's own logs are checked with. */
import * as Type from 'typebox';
import { accessOrigin, ledgerOrigin } from '../core/log/origin.ts';
import { PROFILE_NAMES } from '../core/opening/policy.ts';
import type { Dependencies, Nouns } from './dependencies.ts';

const Log = Type.Object({ origin: Type.String(), vkey: Type.String() });
const Platform = Type.Object({
  platform: Type.String(),
  now: Type.Integer(),
  profiles: Type.Array(Type.String()),
  bidLimitBytes: Type.Integer(),
  receiptKey: Type.Object({ kty: Type.String(), crv: Type.String(), x: Type.String(), kid: Type.String() }),
  ledger: Log,
  access: Log,
  /** Addresses that pages report the heads they were shown to. */
  monitors: Type.Array(Type.String()),
  /** Where pages look for the key agent on the same computer. */
  agentPort: Type.Integer(),
});

export function addPlatform(app: Nouns, { config, signer, world }: Dependencies): void {
  const { platform, bidLimitBytes, isProduction, monitors, agentPort } = config;
  const ledger = ledgerOrigin(platform);
  const access = accessOrigin(platform);
  app.get(
    '/platform',
    { schema: { tags: ['platform'], summary: 'Name, clock and keys', response: { 200: Platform } } },
    async () => ({
      platform,
      now: world.now(),
      profiles: PROFILE_NAMES.filter((profile) => !isProduction || profile !== 'rehearsal'),
      bidLimitBytes,
      receiptKey: signer.receiptJwk,
      ledger: { origin: ledger, vkey: signer.vkeyOf(ledger, 'ledger') },
      access: { origin: access, vkey: signer.vkeyOf(access, 'access') },
      monitors,
      agentPort,
    }),
  );
}
