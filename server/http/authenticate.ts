/** Who makes a request, and in which role they stand in an opening: asked anew each time, because a role can be taken back. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { OFFICIALS, type PersonRole } from '../core/opening/roles.ts';
import { assignedRoles, holdsRole } from '../identity/assignments.ts';
import { authenticate, type Caller, readToken, tokenOf } from '../identity/tokens.ts';
import type { Dependencies } from './dependencies.ts';
import { accepted, ProblemError } from './errors.ts';
import { type CountedAs, networkOf } from './limits.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** What the access token says, its signature checked but neither its time nor a proof of the key: for limits only. */
    credential: Caller | null;
    /** Who asks, token and proof checked; null for the public. */
    caller: Caller | null;
  }
}

/** Roles by how much they see, the most first: who reads without naming one reads as the first they hold. */
const BY_SIGHT = ['supervisor', 'auditor', 'host', 'tenderer', 'witness'] as const satisfies readonly PersonRole[];

/** The address as the client wrote it, for its proof: one of our origins, and the path without its query. */
export function addressOf(request: FastifyRequest, origins: readonly [string, ...string[]]): string {
  const asked = `${request.protocol}://${request.host}`;
  const origin = origins.find((ours) => ours === asked) ?? origins[0];
  return origin + request.url;
}

/** Reads the token of each request, before any limit is asked. */
export function addCredentials(app: FastifyInstance, { identity }: Pick<Dependencies, 'identity'>): void {
  app.decorateRequest('credential', null);
  app.decorateRequest('caller', null);
  app.addHook('onRequest', async (request) => {
    const token = tokenOf(request.headers.authorization);
    if (token === undefined) return;
    // At the beginning of time no token has run out: one that has counts as its holder's, not as everybody's.
    const read = await readToken(identity, token, 0);
    if (!('refused' in read)) request.credential = read.caller;
  });
}

/** As whom a request is counted: by its credential, or by its address; a token that nobody issued counts for no one but such. */
export function countedAs({ credential, headers, ip }: FastifyRequest): CountedAs {
  if (credential !== null) return `key ${credential.jkt}`;
  return `${tokenOf(headers.authorization) === undefined ? 'address' : 'stranger'} ${networkOf(ip ?? '')}`;
}

/** How a request is authenticated before its body is read: `must` refuses the public, `may` lets it through. */
export function callers({ identity }: Pick<Dependencies, 'identity'>) {
  async function may(request: FastifyRequest): Promise<void> {
    const { authorization, dpop } = request.headers;
    // Whoever shows a credential is judged by it: a bad one is refused, never taken for the public.
    if (authorization === undefined) return;
    const proof = Array.isArray(dpop) ? undefined : dpop;
    const url = addressOf(request, identity.origins);
    const { caller } = accepted(await authenticate(identity, { authorization, proof, method: request.method, url }));
    request.caller = caller;
  }
  async function must(request: FastifyRequest): Promise<void> {
    await may(request);
    if (request.caller === null) throw new ProblemError('token_missing');
  }
  return { may, must };
}

/** The caller of a route whose `preParsing` is `must`. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw new ProblemError('token_missing');
  return request.caller;
}

/**
 * The role in which somebody reads: the one asked for when it is held, otherwise the one that sees the most.
 *
 * Throws: ProblemError role_not_held.
 */
export async function readingRole(
  { identity }: Pick<Dependencies, 'identity'>,
  caller: Caller | null,
  openingId: string,
  asked: PersonRole | undefined,
): Promise<PersonRole> {
  if (asked !== undefined) {
    if (asked !== 'public') await needRole({ identity }, caller, openingId, asked);
    return asked;
  }
  if (caller === null) return 'public';
  const { account } = caller;
  const given = await assignedRoles(identity, { openingId, account });
  const widest = BY_SIGHT.find((role) => given.includes(role));
  if (widest !== undefined) return widest;
  return (await identity.isBidder(openingId, account)) ? 'bidder' : 'public';
}

/** Throws: ProblemError role_not_held. */
export async function needRole(
  { identity }: Pick<Dependencies, 'identity'>,
  caller: Caller | null,
  openingId: string,
  role: PersonRole,
): Promise<void> {
  if (caller === null || !(await holdsRole(identity, { openingId, account: caller.account, role })))
    throw new ProblemError('role_not_held');
}

/** Whether reads in this role are themselves recorded. */
export function isOfficial(role: PersonRole): boolean {
  return OFFICIALS.some((official) => official === role);
}

/** The organisation an account belongs to: an account's id is its credit code, for a person followed by `/` and a number. */
export function creditCodeOf(account: string): string {
  return account.slice(0, 18);
}

/** Where an act came from (20号令 art. 49); the client's own name for itself is cut, it is only a claim. */
export function sourceOf(request: FastifyRequest): { readonly address: string; readonly client: string } {
  const client = (request.headers['user-agent'] ?? '').slice(0, 200);
  // A header is bytes; what the log holds is text in its one normal form.
  return { address: request.ip, client: client.normalize('NFC') };
}
