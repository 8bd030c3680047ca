/** The pages' check against the core's: over every schema there is, whole values and broken ones are judged alike. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { TSchema } from 'typebox';
import { Check as coreCheck } from 'typebox/schema';
import { packageRoot } from '../../server/root.ts';
import { Check } from '../../web/parts/schema-check.ts';
import t from '../support/tap.ts';

type Fields = Record<string, unknown>;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isSchema = (value: unknown): value is TSchema & Fields => isFields(value) && '~kind' in value;

/** A source file as it runs: itself, or what it was compiled to. */
const compiled = (path: string): string =>
  new URL(`../../${import.meta.url.endsWith('.ts') ? path : path.replace(/\.ts$/, '.js')}`, import.meta.url).href;

/** The schemas of the rooms that pages are made of: every one that a module exports, however deep it lies. */
async function schemasOf(): Promise<Map<string, TSchema>> {
  const found = new Map<string, TSchema>();
  const look = (name: string, value: unknown, depth: number): void => {
    if (isSchema(value)) found.set(name, value);
    else if (isFields(value) && depth < 3)
      for (const [key, inner] of Object.entries(value)) look(`${name}.${key}`, inner, depth + 1);
  };
  for (const room of ['server/core', 'server/client', 'web/replica', 'web/opening', 'web/lobby'])
    for (const name of readdirSync(join(packageRoot, room), { recursive: true, encoding: 'utf8' })) {
      const path = join(packageRoot, room, name);
      if (!path.endsWith('.ts') || !readFileSync(path, 'utf8').includes("from 'typebox'")) continue;
      for (const [key, value] of Object.entries((await import(compiled(`${room}/${name}`))) as Fields))
        look(`${room}/${name} ${key}`, value, 0);
    }
  return found;
}

/** Characters that count as one and take two units, and a line break, beside the usual. */
const text = (min = 0, max = 12): fc.Arbitrary<string> =>
  fc
    .array(fc.constantFrom('a', '0', '9', '张', '𠮷', '\n', '-', '"'), {
      minLength: min,
      maxLength: Math.min(max, min + 12),
    })
    .map((characters) => characters.join(''));

/** Values near a schema: most of them fit it. */
function near(schema: Fields): fc.Arbitrary<unknown> {
  if (Array.isArray(schema['anyOf'])) return fc.oneof(...schema['anyOf'].map((each) => near(each as Fields)));
  if ('const' in schema) return fc.constant(schema['const']);
  if (Array.isArray(schema['enum'])) return fc.constantFrom(...(schema['enum'] as unknown[]));
  switch (schema['type']) {
    case 'string': {
      const {
        minLength = 0,
        maxLength = 12,
        pattern,
      } = schema as { minLength?: number; maxLength?: number; pattern?: string };
      const free = text(minLength, maxLength);
      const edges = fc.constantFrom(
        '𠮷'.repeat(Math.min(maxLength, 4_000)),
        '𠮷'.repeat(Math.min(maxLength + 1, 4_000)),
      );
      if (pattern === undefined) return fc.oneof({ weight: 4, arbitrary: free }, edges);
      return fc.oneof({ weight: 6, arbitrary: fc.stringMatching(new RegExp(pattern, 'u')) }, free);
    }
    case 'integer': {
      const { minimum = -5, maximum = 2 ** 53 } = schema as { minimum?: number; maximum?: number };
      return fc.oneof(fc.maxSafeInteger(), fc.constantFrom(minimum, maximum, minimum - 1, maximum + 1, 0.5));
    }
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array': {
      const {
        items,
        minItems = 0,
        maxItems = 3,
      } = schema as { items: Fields | Fields[]; minItems?: number; maxItems?: number };
      if (Array.isArray(items)) return fc.tuple(...items.map(near));
      const most = Math.min(maxItems + 1, minItems + 3);
      return fc.array(near(items), { minLength: Math.max(0, minItems - 1), maxLength: most });
    }
    default: {
      const {
        properties = {},
        required = [],
        patternProperties = {},
        propertyNames,
        additionalProperties,
      } = schema as {
        properties?: Record<string, Fields>;
        required?: string[];
        patternProperties?: Record<string, Fields>;
        propertyNames?: Fields;
        additionalProperties?: boolean | Fields;
      };
      const fields = fc.record(
        Object.fromEntries(Object.entries(properties).map(([name, inner]) => [name, near(inner)])),
        { requiredKeys: required },
      );
      const more = Object.entries(patternProperties).map(([pattern, inner]) =>
        fc.dictionary(fc.stringMatching(new RegExp(pattern, 'u')), near(inner), { maxKeys: 2 }),
      );
      const others = isFields(additionalProperties)
        ? [
            fc.dictionary(
              propertyNames === undefined ? text() : (near(propertyNames) as fc.Arbitrary<string>),
              near(additionalProperties),
              { maxKeys: 2 },
            ),
          ]
        : [];
      return fc.tuple(fields, ...more, ...others).map((parts) => Object.assign({}, ...parts) as unknown);
    }
  }
}

/** One place of a value replaced, taken away or given a neighbour. */
function broken(value: unknown, places: readonly number[], junk: unknown): unknown {
  const [turn = 0, ...rest] = places;
  if (Array.isArray(value) && value.length > 0) {
    const n = turn % (value.length + 2);
    if (n >= value.length) return n === value.length ? [...value, value[0]] : value.slice(1);
    return value.map((item, i) => (i === n ? broken(item, rest, junk) : item));
  }
  if (isFields(value)) {
    const names = Object.keys(value);
    const n = turn % (names.length + 3);
    if (n === names.length) return { ...value, 'more\n': junk };
    if (n === names.length + 1) return Object.fromEntries(Object.entries(value).slice(1));
    const name = names[n];
    if (name === undefined) return junk;
    return { ...value, [name]: broken(value[name], rest, junk) };
  }
  return typeof value === 'string' && turn % 3 === 0 ? `${value}\n` : junk;
}

t.test('every schema of the core is judged alike', async (t) => {
  const schemas = await schemasOf();
  t.ok(schemas.size > 150, `${schemas.size} schemas`);
  let accepted = 0;
  let refused = 0;
  const junk = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom(undefined, 1.5, -0, '', '𠮷'));
  for (const [name, schema] of schemas) {
    const value = near(schema as unknown as Fields);
    const property = fc.property(
      value,
      fc.array(fc.nat(40), { minLength: 4, maxLength: 4 }),
      junk,
      (whole, places, other) => {
        for (const each of [whole, broken(whole, places, other)]) {
          const expected = coreCheck(schema, each);
          if (expected) accepted += 1;
          else refused += 1;
          if (Check(schema, each) !== expected) throw new Error(`${name}: ${JSON.stringify(each)} is ${expected}`);
        }
      },
    );
    fc.assert(property, { numRuns: 20 });
  }
  t.ok(accepted > 1_000, `${accepted} values accepted by both`);
  t.ok(refused > 1_000, `${refused} values refused by both`);
});

t.test('what it does not know it says, before it judges anything', async (t) => {
  const of = (schema: object): TSchema => schema as TSchema;
  t.throws(() => Check(of({ type: 'string', format: 'email' }), 'a'), { message: /keyword format/ });
  t.throws(() => Check(of({ type: 'bigint' }), 1), { message: /the type bigint/ });
  t.throws(() => Check(of({ const: {} }), 1), { message: /no scalar/ });
  t.throws(() => Check(of({ enum: [[]] }), 1), { message: /no scalar/ });
});
