// What a person's act says, read without judging its signature: for holding an entry against it, and for nothing else.
import { readPersonAct, STATEMENT_COMMANDS } from '../log/act.ts';
import { fromBase64Url } from '../log/base64.ts';
import { isJsonObject, type Json, type JsonObject } from '../log/canonical.ts';
import { LogFormatError } from '../log/error.ts';
import { fromUtf8 } from '../log/utf8.ts';

/** `command` is null in a statement, which names the opening but no command id. `account` and `certSha256` are whose key signed. */
export type SignedAct = {
  readonly type: string;
  readonly command: string | null;
  readonly account: Json | undefined;
  readonly certSha256: Json | undefined;
  readonly platform: Json | undefined;
  readonly openingId: Json | undefined;
  /** What was asked: the command's data, or the statement itself. */
  readonly data: JsonObject;
  /** The digest the act binds its data with; null in a statement. */
  readonly bodySha256: Json | null;
};

/**
 * Reads the value of a withheld field `act`.
 *
 * Returns: undefined for anything that is no act. Signatures, chains and keys are `checkAct`'s.
 */
export function readSignedAct(value: unknown): SignedAct | undefined {
  const person = readPersonAct(value);
  if (person === undefined) return undefined;
  const said = readJws(person.act);
  if (said === undefined) return undefined;
  const { header, payload } = said;
  const certified = person.login === undefined ? header : readJws(person.login)?.header;
  const common = {
    account: payload['iss'],
    certSha256: certified?.['x5t#S256'],
    platform: payload['aud'],
    openingId: payload['openingId'],
  };
  const statement = Object.entries(STATEMENT_COMMANDS).find(([typ]) => typ === header['typ']);
  if (statement !== undefined) return { ...common, type: statement[1], command: null, data: payload, bodySha256: null };
  const { type, command, bodySha256 } = payload;
  if (typeof type !== 'string' || typeof command !== 'string' || bodySha256 === undefined) return undefined;
  return isJsonObject(person.data) ? { ...common, type, command, data: person.data, bodySha256 } : undefined;
}

function readJws(text: string): { header: JsonObject; payload: JsonObject } | undefined {
  const [header, payload] = text.split('.').slice(0, 2).map(readPart);
  return header === undefined || payload === undefined ? undefined : { header, payload };
}

function readPart(part: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(fromUtf8(fromBase64Url(part)));
    return isJsonObject(value) ? value : undefined;
  } catch (fault) {
    if (fault instanceof LogFormatError || fault instanceof SyntaxError) return undefined;
    throw fault;
  }
}
