/** Reads of non-public data by officials: on the access log before anything is shown. */
import type { FastifyRequest } from 'fastify';
import type { PersonRole } from '../core/opening/roles.ts';
import type { Caller } from '../identity/tokens.ts';
import { sourceOf } from './authenticate.ts';
import type { Dependencies } from './dependencies.ts';

export type Read = {
  readonly request: FastifyRequest;
  readonly caller: Pick<Caller, 'account'>;
  readonly role: PersonRole;
  readonly openingId: string;
  /**
   * `live`: a socket's view from an entry on; `entries`: a page of the log; `record`: a version of the record, its number in
   * `after`; `reads`: who has read of this opening, behind an entry of the access log.
   */
  readonly what: 'live' | 'entries' | 'record' | 'reads';
  readonly after: number;
};

/** Resolves once the read is committed and let out. Throws: what the ledger throws; then nothing may be shown. */
export async function recordRead({ ledger }: Pick<Dependencies, 'ledger'>, read: Read): Promise<void> {
  const { request, caller, role, openingId, what, after } = read;
  await ledger.recordAccess({
    who: { account: caller.account, role, after },
    source: sourceOf(request),
    openingId,
    what,
  });
}
