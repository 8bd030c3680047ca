/** How a disclosure lies in its row: whole, or without the login at its end, which `logins` holds once for all acts of a session. */

/**
 * What comes before the login in the JSON text of a disclosure whose value ends with one.
 *
 * Why: a login carries its certificates, 4 KB of the 6 KB of an ordinary act; one session gives hundreds of acts.
 */
export type SplitDisclosure = { readonly beforeLogin: string; readonly loginSha256: Uint8Array };

/** Behind the login's value: the end of its text, of the act and of the disclosure. */
const END = '"}]';

/**
 * Takes the login off the end of a disclosure's JSON text `[salt, "act", {"act": …, "login": login}]`.
 *
 * Asserts: that it ends so; RFC 8785 puts `login` last among the members of an act.
 */
export function splitAtLogin(text: string, login: string, loginSha256: Uint8Array): SplitDisclosure {
  if (!text.endsWith(`"login":"${login}${END}`)) throw new Error('a disclosure that does not end with its login');
  return { beforeLogin: text.slice(0, text.length - login.length - END.length), loginSha256 };
}

/** The disclosure again, word for word; `login` is null for one that lies whole. */
export function wholeDisclosure(stored: string, login: string | null): string {
  return login === null ? stored : Buffer.from(`${stored}${login}${END}`, 'utf8').toString('base64url');
}
