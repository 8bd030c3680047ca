/** The time-stamping authorities that a platform asks, from a file of its operator's: where they are, by which roots they are believed, on what terms. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { type Certificate, parsePem } from '../../core/pki/certificate.ts';
import { CertificateError } from '../../core/pki/der.ts';

const OID = '^[0-2](\\.(0|[1-9][0-9]{0,15})){1,30}$';
const PathText = Type.String({ minLength: 1, maxLength: 4096 });

const AuthoritySchema = Type.Object(
  {
    url: Type.String({ pattern: '^https?://', maxLength: 2048 }),
    /** A PEM file with the roots it is believed by, relative to this file. */
    anchors: PathText,
    /** A PEM file with what may stand between, for authorities that send only their own certificate. */
    chain: Type.Optional(PathText),
    /** OIDs: the first is asked for, and the token's must be one of them. */
    policies: Type.Optional(Type.Array(Type.String({ pattern: OID }), { minItems: 1, maxItems: 16 })),
    accuracyMs: Type.Optional(Type.Integer({ minimum: 1, maximum: 600_000 })),
  },
  { additionalProperties: false },
);
const FileSchema = Type.Array(AuthoritySchema, { minItems: 1, maxItems: 16 });

export type Authority = {
  readonly url: string;
  readonly anchors: readonly Certificate[];
  readonly intermediates: readonly Certificate[];
  readonly policies?: readonly string[];
  /** A token must say that it is as accurate as this; when absent it need not say anything. */
  readonly accuracyLimitMs?: number;
};

/** The file of time-stamping authorities says something that cannot be followed. */
export class AuthoritiesError extends Error {
  readonly code = 'authorities_malformed';
  constructor(file: string, detail: string) {
    super(`${file}: ${detail}`);
    this.name = 'AuthoritiesError';
  }
}

/**
 * Reads the file: a JSON list of `{url, anchors, chain?, policies?, accuracyMs?}`, the one asked first in front.
 *
 * Throws: AuthoritiesError; what the file system says.
 */
export async function readAuthorities(file: string): Promise<Authority[]> {
  const listed = parseList(file, await readFile(file, 'utf8'));
  const pem = async (path: string | undefined): Promise<Certificate[]> => {
    if (path === undefined) return [];
    try {
      return parsePem(await readFile(resolve(dirname(file), path), 'utf8'));
    } catch (error) {
      if (error instanceof CertificateError) throw new AuthoritiesError(file, `${path}: ${error.message}`);
      throw error;
    }
  };
  return Promise.all(
    listed.map(async ({ url, anchors, chain, policies, accuracyMs }) => ({
      url,
      anchors: await pem(anchors),
      intermediates: await pem(chain),
      ...(policies && { policies }),
      ...(accuracyMs !== undefined && { accuracyLimitMs: accuracyMs }),
    })),
  );
}

function parseList(file: string, text: string): Type.Static<typeof FileSchema> {
  let listed: unknown;
  try {
    listed = JSON.parse(text);
  } catch (error) {
    throw new AuthoritiesError(file, `no JSON: ${(error as Error).message}`);
  }
  if (!Check(FileSchema, listed))
    throw new AuthoritiesError(file, 'not a list of {url, anchors, chain?, policies?, accuracyMs?}');
  const wrong = listed.find(({ url }) => !URL.canParse(url));
  if (wrong !== undefined) throw new AuthoritiesError(file, `no address: ${wrong.url}`);
  if (new Set(listed.map(({ url }) => url)).size !== listed.length)
    throw new AuthoritiesError(file, 'the same address twice');
  return listed;
}
