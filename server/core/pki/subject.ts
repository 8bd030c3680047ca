/** Who a certificate speaks for: a rule, which is data kept with the trust anchor, applied to the subject's name. */
import * as Type from 'typebox';
import type { Certificate } from './certificate.ts';
import { isCreditCode } from './credit-code.ts';
import { ATTRIBUTE } from './names.ts';

const Source = Type.Object(
  {
    /** OID of the attribute of the subject's name. */
    attribute: Type.String({ pattern: '^[0-2](\\.[0-9]{1,10}){1,12}$' }),
    /** What stands before the value and is cut off; a value without it does not count. */
    prefix: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  },
  { additionalProperties: false },
);

/** Where a CA puts what; an attribute is read by the first source of the credit code that fits it. */
export const SubjectRule = Type.Object(
  {
    creditCode: Type.Array(Source, { minItems: 1, maxItems: 8 }),
    organisation: Source,
    name: Source,
    personId: Type.Optional(Source),
  },
  { additionalProperties: false },
);
export type SubjectRule = Type.Static<typeof SubjectRule>;
type Source = Type.Static<typeof Source>;

/** The rule of the demo CA, and of CAs that follow ETSI EN 319 412-1 with a bare or `NTRCN-` code. */
export const PLAIN_SUBJECT_RULE: SubjectRule = {
  creditCode: [
    { attribute: ATTRIBUTE.organizationIdentifier, prefix: 'NTRCN-' },
    { attribute: ATTRIBUTE.organizationIdentifier },
  ],
  organisation: { attribute: ATTRIBUTE.organisation },
  name: { attribute: ATTRIBUTE.commonName },
  personId: { attribute: ATTRIBUTE.serialNumber },
};

/** Who a certificate speaks for; `personId` only in a person's certificate. All text is NFC. */
export type Subject = {
  /** The credit code, for a person followed by `/` and the person's number: the account's id. */
  readonly account: string;
  readonly creditCode: string;
  readonly organisation: string;
  readonly name: string;
  readonly personId?: string;
};

export const SUBJECT_REFUSALS = [
  'credit_code_missing',
  'credit_code_invalid',
  'subject_ambiguous',
  'organisation_missing',
  'name_missing',
  'person_id_invalid',
] as const;
export type SubjectRefusal = (typeof SUBJECT_REFUSALS)[number];

export type SubjectResult = { readonly ok: true; readonly subject: Subject } | { readonly refused: SubjectRefusal };

const NAME_LIMIT_CHARACTERS = 256;
const PERSON_ID = /^[0-9A-Za-z._-]{1,64}$/;

/**
 * Reads who the certificate speaks for.
 *
 * Returns: the subject, or why there is none; total.
 * Why:     two different values are refused, not chosen from: a CA that copies an applicant's text into a second
 *          attribute must not decide who he is.
 */
export function readSubject(certificate: Certificate, rule: SubjectRule): SubjectResult {
  const codes = valuesAt(certificate, rule.creditCode);
  const organisations = valuesAt(certificate, [rule.organisation]);
  const names = valuesAt(certificate, [rule.name]);
  const personIds = rule.personId === undefined ? [] : valuesAt(certificate, [rule.personId]);
  if ([codes, organisations, names, personIds].some((values) => values.length > 1))
    return { refused: 'subject_ambiguous' };
  const [creditCode] = codes;
  const [organisation] = organisations;
  const [name] = names;
  const [personId] = personIds;
  if (creditCode === undefined) return { refused: 'credit_code_missing' };
  if (!isCreditCode(creditCode)) return { refused: 'credit_code_invalid' };
  if (!isName(organisation)) return { refused: 'organisation_missing' };
  if (!isName(name)) return { refused: 'name_missing' };
  if (personId === undefined) return { ok: true, subject: { account: creditCode, creditCode, organisation, name } };
  if (!PERSON_ID.test(personId)) return { refused: 'person_id_invalid' };
  return { ok: true, subject: { account: `${creditCode}/${personId}`, creditCode, organisation, name, personId } };
}

/** The distinct values that the sources find; of several sources the first that fits an attribute reads it. */
function valuesAt(certificate: Certificate, sources: readonly Source[]): string[] {
  const values = certificate.subject.attributes.flatMap(({ oid, value }) => {
    const source = sources.find(({ attribute, prefix = '' }) => attribute === oid && value.startsWith(prefix));
    return source === undefined
      ? []
      : [
          value
            .slice(source.prefix?.length ?? 0)
            .normalize('NFC')
            .trim(),
        ];
  });
  return [...new Set(values)];
}

/** A name people can read: some text, and no control or formatting characters that could make it look like another. */
function isName(text: string | undefined): text is string {
  return (
    text !== undefined &&
    text.length > 0 &&
    text.length <= NAME_LIMIT_CHARACTERS &&
    !/[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/u.test(text)
  );
}
