/** The compiled checks held against typebox's own: the events of whole openings, as they are and with something in them changed. */
import fc from 'fast-check';
import type * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { checkCompiled } from '../server/compiled-check.ts';
import { EVENTS } from '../server/core/opening/events.ts';
import { FIELD_SHAPES } from '../server/core/opening/fields.ts';
import { reach, STANDS } from './support/opening-phases.ts';
import t from './support/tap.ts';

type Sample = { readonly name: string; readonly schema: Type.TSchema; readonly value: unknown };

/** Every body and every disclosed value with a shape that one opening brought to each phase has. */
const samples: Sample[] = STANDS.flatMap((phase) => reach(phase).lines).flatMap(({ event, disclosed }) => {
  const { type, body } = event;
  const shapes = Object.entries(FIELD_SHAPES[type] ?? {});
  return [
    { name: type, schema: EVENTS[type].body, value: body },
    ...shapes.map(([field, schema]) => ({ name: `${type} ${field}`, schema, value: disclosed[field] })),
  ];
});

/** The value with one thing in it changed, `path` saying where: a member left out, another put in its place, one more. */
function changed(value: unknown, path: readonly number[], other: unknown): unknown {
  const [at = 0, ...rest] = path;
  if (typeof value !== 'object' || value === null) return other;
  const names = Object.keys(value);
  const name = names[at % (names.length + 1)];
  const copy: Record<string, unknown> = Array.isArray(value) ? ([...value] as never) : { ...value };
  if (name === undefined) copy['more'] = other;
  else if (rest.length > 0) copy[name] = changed(copy[name], rest, other);
  else if (other === undefined) delete copy[name];
  else copy[name] = other;
  return copy;
}

t.test('a shape that every event of an opening has', async (t) => {
  t.ok(new Set(samples.map(({ name }) => name)).size > 30);
  for (const { name, schema, value } of samples) t.ok(checkCompiled(schema, value), name);
});

t.test('the same answer to anything that is changed', async (t) => {
  const other = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(undefined, '', '0', '1.00', -1, 0, 1, 1.5, 2 ** 53, null, true),
  );
  let refused = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...samples),
      fc.array(fc.nat(12), { minLength: 1, maxLength: 4 }),
      other,
      ({ name, schema, value }, path, put) => {
        const made = changed(value, path, put);
        const answer = checkCompiled(schema, made);
        if (!answer) refused++;
        t.equal(answer, Check(schema, made), `${name} ${JSON.stringify(made)}`);
      },
    ),
    { numRuns: 3_000 },
  );
  t.ok(refused > 1_000, `${refused} were refused`);
});

t.test('every shape of the catalogue can be compiled', async (t) => {
  const shapes = [
    ...Object.values(EVENTS).map(({ body }) => body),
    ...Object.values(FIELD_SHAPES).flatMap((fields) => Object.values(fields)),
  ];
  for (const schema of shapes) t.equal(checkCompiled(schema, 'no object'), Check(schema, 'no object'));
});
