/** The table of problems: complete, in both languages, told in the documents, and what the handler makes of faults. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ACT_REASONS } from '../../server/core/log/act.ts';
import { REFUSALS } from '../../server/core/opening/refusals.ts';
import { ENVELOPE_WORDS, sayEnvelopeProblem } from '../../server/core/seal/problem-words.ts';
import { createLogger, describeFault } from '../../server/http/diagnostics.ts';
import { accepted, PROBLEM_CODES, PROBLEMS, problemOf } from '../../server/http/errors.ts';
import { IDENTITY_REFUSALS } from '../../server/identity/refusals.ts';
import { packageRoot } from '../../server/root.ts';
import { RECEIVE_REFUSALS } from '../../server/vault/envelope-gate.ts';
import { UPLOAD_REFUSALS } from '../../server/vault/uploads.ts';
import t from '../support/tap.ts';

const page = readFileSync(join(packageRoot, 'server/http/PROBLEMS.md'), 'utf8');
/** The page's rows: `| code | status | English | 中文 |`. */
const rows = [...page.matchAll(/^\| `([a-z_]+)` \| ([0-9]{3}) \| (.*?) \| (.*?) \|$/gm)].map(
  ([, code = '', status = '', en = '', zh = '']) => ({ code, status: Number(status), en, zh }),
);
const inCode = PROBLEM_CODES.map((code) => ({
  code,
  status: PROBLEMS[code].status,
  en: PROBLEMS[code].en,
  zh: PROBLEMS[code].zh,
}));
const byCode = (a: { code: string }, b: { code: string }) => (a.code < b.code ? -1 : 1);

t.test('every refusal of every room has its row', async (t) => {
  const codes: readonly string[] = PROBLEM_CODES;
  for (const table of [REFUSALS, ACT_REASONS, IDENTITY_REFUSALS])
    t.strictSame(
      Object.keys(table).filter((code) => !codes.includes(code)),
      [],
    );
  t.strictSame(
    [...RECEIVE_REFUSALS, ...UPLOAD_REFUSALS].filter((code) => !codes.includes(code)),
    [],
  );
});

t.test('the page tells every problem, word for word', async (t) => {
  t.strictSame(
    inCode.filter(({ code }) => !rows.some((row) => row.code === code)).map(({ code }) => code),
    [],
    'missing on the page',
  );
  t.strictSame(rows.toSorted(byCode), inCode.toSorted(byCode));
});

t.test('the page tells nothing that is not in the code', async (t) => {
  t.strictSame(
    rows.filter(({ code }) => !inCode.some((row) => row.code === code)).map(({ code }) => code),
    [],
  );
  t.equal(new Set(rows.map(({ code }) => code)).size, rows.length, 'each once');
});

t.test('each has a sentence in both languages, and a status of ours', async (t) => {
  for (const { code, status, zh, en } of inCode) {
    t.match(zh, /[\u4e00-\u9fff].*[。]$/u, code);
    t.match(en, /^[A-Z].*[.]$/, code);
    t.ok(status >= 400 && status < 600);
  }
});

t.test('an envelope’s refusal says which of its codes it is, and the page tells them all', async (t) => {
  try {
    accepted({ refused: 'envelope_malformed', code: 'auth_attrs' });
    t.fail('nothing was refused');
  } catch (error) {
    t.match(error, { code: 'envelope_malformed', detail: sayEnvelopeProblem('auth_attrs') });
  }
  const told = [...page.matchAll(/^\| `([a-z_]+)` \| ([^|]*) \| ([^|]*) \|$/gm)].map(([, code = '', en, zh]) => ({
    code,
    en,
    zh,
  }));
  const known = Object.entries(ENVELOPE_WORDS).map(([code, { en, zh }]) => ({ code, en, zh }));
  t.strictSame(told.toSorted(byCode), known.toSorted(byCode));
});

t.test('a problem is what RFC 9457 says, with the code and both sentences', async (t) => {
  t.strictSame(problemOf('too_early', 'not yet'), {
    type: '/problems/too_early',
    title: PROBLEMS.too_early.en,
    status: 409,
    detail: 'not yet',
    code: 'too_early',
    zh: PROBLEMS.too_early.zh,
    en: PROBLEMS.too_early.en,
  });
  t.notOk('detail' in problemOf('too_early'));
});

t.test('a fault is described without its message and values', async (t) => {
  class DrizzleQueryError extends Error {
    readonly query = 'select * from bids where price = $1';
    readonly params = ['12680000.00'];
    constructor(cause: Error) {
      super(`Failed query: select … params: 12680000.00\nsecret line`, { cause });
      this.name = 'DrizzleQueryError';
    }
  }
  const described = describeFault(new DrizzleQueryError(Object.assign(new Error('x'), { code: '23505' })));
  t.match(described, { type: 'DrizzleQueryError', code: '23505', query: /price = \$1/ });
  t.notMatch(JSON.stringify(described), /12680000|secret/);
  t.strictSame(describeFault('12680000.00'), { type: 'string' });
});

t.test('the logger cuts credentials and describes faults by itself', async (t) => {
  const lines: string[] = [];
  const logger = createLogger('info', { write: (line) => void lines.push(line) });
  logger.info(
    {
      req: {
        headers: {
          authorization: 'DPoP secret',
          dpop: 'secret',
          cookie: 'secret',
          'sec-websocket-protocol': 'ticket.secret',
        },
      },
    },
    'x',
  );
  logger.error({ err: new Error('12680000.00') }, 'a round failed');
  t.notMatch(lines.join(''), /secret|12680000/);
  t.match(lines[0], /\[cut\]/);
});
