/** The one place that answers problems: every refusal and every fault becomes the same kind of reply. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { isDatabaseAway } from '../store/faults.ts';
import { isStorageFull } from '../vault/vault-folder.ts';
import { type ProblemCode, ProblemError, problemOf } from './errors.ts';
import type { FaultWords } from './fault-words.ts';

const RETRY_AFTER_S = 2;

/** Answers a problem; status, text and headers come from the one table. */
export function sendProblem(reply: FastifyReply, code: ProblemCode, detail?: string): FastifyReply {
  const problem = problemOf(code, detail);
  if (problem.status === 401) reply.header('www-authenticate', 'DPoP algs="ES256"');
  if (problem.status === 503 || problem.status === 423 || problem.status === 507)
    reply.header('retry-after', RETRY_AFTER_S);
  if (problem.status === 426) reply.header('upgrade', 'websocket');
  return reply
    .code(problem.status)
    .header('cache-control', 'no-store')
    .type('application/problem+json')
    .send(JSON.stringify(problem));
}

/** What went wrong as the problem it is; null for a fault of ours. */
export function problemCodeOf(
  error: FastifyError | Error,
): { readonly code: ProblemCode; readonly detail?: string } | null {
  if (error instanceof ProblemError)
    return error.detail === undefined ? { code: error.code } : { code: error.code, detail: error.detail };
  // Sent again with the same id it is answered as the first time, whether it was recorded or not.
  if (isDatabaseAway(error)) return { code: 'outcome_unknown' };
  if (isStorageFull(error)) return { code: 'storage_full' };
  const code = 'code' in error ? String(error.code) : '';
  if ('validation' in error && error.validation !== undefined)
    return { code: 'request_malformed', detail: error.message };
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return { code: 'body_too_large' };
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return { code: 'media_type_not_taken' };
    case 'log_read_only':
    case 'log_damaged':
    case 'event_does_not_fit':
      return { code: 'log_read_only' };
    case 'outcome_unknown':
      return { code: 'outcome_unknown' };
    case 'ECONNRESET':
      return { code: 'upload_broken' };
  }
  const status = 'statusCode' in error ? error.statusCode : undefined;
  return status !== undefined && status >= 400 && status < 500 ? { code: 'request_malformed' } : null;
}

/** The error handler: a refusal as it is, a fault of ours as fixed text, its description to the logger only. */
export function answerError(
  faults: Pick<FaultWords, 'say'>,
  error: FastifyError | Error,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const problem = problemCodeOf(error);
  const { code, detail } = problem ?? { code: 'server_fault' as const, detail: undefined };
  if (error instanceof ProblemError && error.retryAfterS !== undefined)
    void reply.header('retry-after', error.retryAfterS);
  if (problemOf(code).status >= 500 && code !== 'overloaded')
    faults.say(error, code, request.routeOptions.url ?? 'none');
  return sendProblem(reply, code, detail);
}
