/** Logins that were found good, so that each act of a session costs the check of one signature and not of two. */
import { type CheckedLogin, checkLogin } from './act.ts';

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
  const known = new Map<string, { readonly platform: string; readonly found: CheckedLogin }>();
  return async (login, expected, verifySignature, sha256) => {
    const before = known.get(login);
    const isKnown = before !== undefined && before.platform === expected.platform;
    const found = isKnown ? before.found : await check(login, expected, verifySignature, sha256);
    if (!found.ok) return found;
    known.delete(login);
    known.set(login, isKnown ? before : { platform: expected.platform, found });
    for (const oldest of known.keys()) {
      if (known.size <= KNOWN_LOGINS_LIMIT) break;
      known.delete(oldest);
    }
    return found;
  };
}
