/** Logins that were found good, so that each act of a session costs the check of one signature and not of two. */
import { type CheckedLogin, checkLogin } from '../core/log/act.ts';

export type CheckLogin = typeof checkLogin;

/** Logins remembered; the one used longest ago goes first. */
export const KNOWN_LOGINS_LIMIT = 4_096;

/**
 * A check of logins that remembers the good ones, word for word.
 *
 * Why: what it finds depends on nothing but the text and the platform, so it cannot go stale; certificate, session and account are
 *      asked for each act. A login that is refused is checked anew each time: nobody can fill the memory with those.
 */
export function rememberLogins(check: CheckLogin = checkLogin): CheckLogin {
  const known = new Map<string, CheckedLogin>();
  return async (login, expected, verifySignature, sha256) => {
    const name = `${expected.platform}\n${login}`;
    const before = known.get(name);
    const found = before ?? (await check(login, expected, verifySignature, sha256));
    if (!found.ok) return found;
    known.delete(name);
    known.set(name, found);
    for (const oldest of known.keys()) {
      if (known.size <= KNOWN_LOGINS_LIMIT) break;
      known.delete(oldest);
    }
    return found;
  };
}
