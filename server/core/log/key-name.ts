/** Names of keys and origins of logs: one rule for both, because a log's key is named as its origin. */

/**
 * Whether a text can name a key or a log.
 *
 * Source: C2SP signed-note: not empty, no Unicode space, no `+`; and no byte below 0x20, since the name stands in a note.
 * Why:    `\p{White_Space}` and not `\s`, which misses U+0085 and takes U+FEFF for a space. A lone surrogate has no UTF-8 form.
 */
export function isKeyName(name: unknown): name is string {
  if (typeof name !== 'string' || name.length === 0) return false;
  return !/[\p{White_Space}\p{Surrogate}+]/u.test(name) && [...name].every((character) => character >= ' ');
}
