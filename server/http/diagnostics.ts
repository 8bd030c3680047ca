/** The server's own diagnostics: what of a fault may be written down, and what never is. */
import { pino } from 'pino';
import type { Config } from '../config.ts';

/** Headers that hold secrets; they are cut wherever a request is logged. */
const REDACTED = ['authorization', 'dpop', 'cookie', '["sec-websocket-protocol"]'].map((header) =>
  header.startsWith('[') ? `req.headers${header}` : `req.headers.${header}`,
);

type Fault = { readonly type: string; readonly code?: string; readonly query?: string; readonly stack: string[] };

/**
 * A fault as it is logged: name, code, the query's text and the places it passed.
 *
 * Why: a message may hold values (drizzle puts SQL and all parameters into it), and so may the first lines of a stack.
 */
export function describeFault(error: unknown): Fault | { readonly type: string } {
  if (!(error instanceof Error)) return { type: typeof error };
  const { code, query, cause } = error as Error & { readonly code?: unknown; readonly query?: unknown };
  const inner = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  const found = code ?? inner;
  const stack = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return {
    type: error.name,
    ...(typeof found === 'string' ? { code: found } : {}),
    ...(typeof query === 'string' ? { query } : {}),
    stack: stack.map((line) => line.trim()).slice(0, 12),
  };
}

/** The logger of the process. */
export function createLogger(level: Config['logLevel'], destination?: pino.DestinationStream): pino.Logger {
  const options: pino.LoggerOptions = {
    level,
    redact: { paths: REDACTED, censor: '[cut]' },
    serializers: { err: describeFault },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
