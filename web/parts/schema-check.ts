/**
 * Holds a value against a schema of the core, in a page: the keywords that the core uses and no other.
 *
 * Why: typebox's own check knows every keyword of JSON Schema and all its formats, which a page would load, some 20 KB of it, before
 *      it shows anything; compiled to code it would need what the pages' policy forbids. The pages are built with this in the place of
 *      `typebox/schema`; a test holds the two against each other over every schema there is.
 */
import type { Static, TSchema } from 'typebox';
import { canonicalise, type Json } from '../../server/core/log/canonical.ts';

type Test = (value: unknown) => boolean;
type Fields = Readonly<Record<string, unknown>>;
type Schemas = Readonly<Record<string, Schema>>;
type Schema = Fields;

/** Whether a value has the form of a schema. Throws: for a keyword that it does not know. */
export function Check<S extends TSchema>(schema: S, value: unknown): value is Static<S> {
  return testOf(schema as unknown as Schema)(value);
}

const made = new WeakMap<Schema, Test>();

/** The test that a schema asks for; made once. */
function testOf(schema: Schema): Test {
  const known = made.get(schema);
  if (known !== undefined) return known;
  const tests = Object.keys(schema)
    .filter((name) => !ANNOTATIONS.includes(name))
    .map((name) => {
      const make = Object.hasOwn(KEYWORDS, name) ? KEYWORDS[name] : undefined;
      if (make === undefined) throw new Error(`a schema has the keyword ${name}, which pages do not know`);
      return make(schema[name] as never, schema);
    });
  const test: Test = (value) => tests.every((each) => each(value));
  made.set(schema, test);
  return test;
}

const ANNOTATIONS: readonly string[] = ['$id', 'title', 'description'];

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const TYPES: Readonly<Record<string, Test>> = {
  object: isFields,
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  integer: Number.isInteger,
  number: Number.isFinite,
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
};

const ofFields =
  (test: (value: Fields) => boolean): Test =>
  (value) =>
    !isFields(value) || test(value);
const ofList =
  (test: (value: readonly unknown[]) => boolean): Test =>
  (value) =>
    !Array.isArray(value) || test(value);
const ofText =
  (test: (value: string) => boolean): Test =>
  (value) =>
    typeof value !== 'string' || test(value);
const ofNumber =
  (test: (value: number) => boolean): Test =>
  (value) =>
    typeof value !== 'number' || test(value);

/** Characters as JSON Schema counts them: code points. */
function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

const isScalar = (value: unknown): boolean => typeof value !== 'object' || value === null;
const isSame = (one: unknown, other: unknown): boolean => one === other;

/** What each keyword asks; of a value of another type it asks nothing. */
const KEYWORDS: Readonly<Record<string, (of: never, schema: Schema) => Test>> = {
  type(of: string) {
    const test = TYPES[of];
    if (test === undefined) throw new Error(`a schema asks for the type ${of}, which pages do not know`);
    return test;
  },
  const(of: unknown) {
    if (!isScalar(of)) throw new Error('a schema asks for a constant that is no scalar');
    return (value) => isSame(value, of);
  },
  enum(of: readonly unknown[]) {
    if (!of.every(isScalar)) throw new Error('a schema lists what is no scalar');
    return (value) => of.some((one) => isSame(one, value));
  },
  anyOf(of: readonly Schema[]) {
    const tests = of.map(testOf);
    return (value) => tests.some((test) => test(value));
  },
  required: (of: readonly string[]) => ofFields((value) => of.every((name) => Object.hasOwn(value, name))),
  properties(of: Schemas, { required = [] }) {
    const asked = required as readonly string[];
    const tests = Object.entries(of).map(([name, schema]) => ({ name, test: testOf(schema) }));
    return ofFields((value) =>
      tests.every(({ name, test }) => {
        if (!Object.hasOwn(value, name)) return true;
        // What may be absent may as well be undefined, as in the core.
        return (value[name] === undefined && !asked.includes(name)) || test(value[name]);
      }),
    );
  },
  patternProperties(of: Schemas) {
    const tests = Object.entries(of).map(([pattern, schema]) => ({
      pattern: new RegExp(pattern, 'u'),
      test: testOf(schema),
    }));
    return ofFields((value) =>
      Object.keys(value).every((name) => tests.every(({ pattern, test }) => !pattern.test(name) || test(value[name]))),
    );
  },
  additionalProperties(of: boolean | Schema, { properties = {}, patternProperties = {} }) {
    const test: Test = typeof of === 'boolean' ? () => of : testOf(of);
    const patterns = Object.keys(patternProperties as Fields).map((pattern) => new RegExp(pattern, 'u'));
    return ofFields((value) =>
      Object.keys(value).every(
        (name) =>
          Object.hasOwn(properties as Fields, name) ||
          patterns.some((pattern) => pattern.test(name)) ||
          test(value[name]),
      ),
    );
  },
  propertyNames(of: Schema) {
    const test = testOf(of);
    return ofFields((value) => Object.keys(value).every(test));
  },
  items(of: Schema | readonly Schema[]) {
    if (Array.isArray(of)) {
      const tests = (of as readonly Schema[]).map(testOf);
      return ofList((value) => tests.every((test, n) => n >= value.length || test(value[n])));
    }
    const test = testOf(of as Schema);
    return ofList((value) => value.every((item) => test(item)));
  },
  additionalItems(of: boolean, { items }) {
    if (of || !Array.isArray(items)) return () => true;
    return ofList((value) => value.length <= items.length);
  },
  minItems: (of: number) => ofList((value) => value.length >= of),
  maxItems: (of: number) => ofList((value) => value.length <= of),
  uniqueItems: (of: boolean) =>
    ofList(
      (value) =>
        !of || new Set(value.map((item) => (isScalar(item) ? item : canonicalise(item as Json)))).size === value.length,
    ),
  minLength: (of: number) => ofText((value) => lengthOf(value) >= of),
  maxLength: (of: number) => ofText((value) => value.length <= of || lengthOf(value) <= of),
  pattern(of: string) {
    const pattern = new RegExp(of, 'u');
    return ofText((value) => pattern.test(value));
  },
  minimum: (of: number) => ofNumber((value) => value >= of),
  maximum: (of: number) => ofNumber((value) => value <= of),
};
