/** Some hundreds of the envelope soak under a seed of their own; that it hits what it means to; and that its counters would see a hang or a second face. */
import { joinBytes } from '../../server/core/log/bytes.ts';
import t from '../support/tap.ts';
import { chanceOf } from './chance.ts';
import { countSteps, TooManySteps } from './counted-bytes.ts';
import { ARCHIVES, allSamples, listOf } from './envelope-samples.ts';
import { mutateEnvelopes } from './envelopes.ts';
import { listFromBehind, listFromFront } from './lenient-zip.ts';
import { elementsOf, mutate } from './mutations.ts';

t.test('mutated envelopes of all kinds and forms, and archives in them: none opens to other content', async (t) => {
  const { opened, refused, mostStepsPerByte } = await mutateEnvelopes('envelopes', 200);
  const ended = opened + Object.values(refused).reduce((sum, count) => sum + count, 0);
  t.equal(ended, 200);
  t.ok(mostStepsPerByte <= 1.1, `${mostStepsPerByte} steps a byte`);
  for (const code of ['tag_mismatch', 'storage_unreadable: truncated', 'archive_invalid: central_mismatch'])
    t.ok((refused[code] ?? 0) > 0, code);
  t.ok(Object.keys(refused).length > 20, 'many ways to be wrong were met');
});

t.test('the same seed makes the same mutations, and each is one', async (t) => {
  const samples = allSamples();
  t.equal(new Set(samples.map(({ name }) => name)).size, 56);
  for (const { bytes, name } of samples) {
    const draw = () => mutate(chanceOf(name), bytes, elementsOf(bytes), [samples[0]?.bytes ?? bytes]);
    t.strictSame(draw(), draw());
    t.notSame(draw().bytes, bytes, name);
  }
});

t.test('elements are found in every form', async (t) => {
  for (const { bytes, name } of allSamples()) {
    const whole = elementsOf(bytes).at(-1);
    t.strictSame(whole, { at: 0, length: bytes.length }, name);
    t.ok(elementsOf(bytes).length > 20, name);
  }
});

t.test('a reader that does not go on is seen by its steps', async (t) => {
  const hang = (chunk: Uint8Array): void => {
    for (;;) chunk.subarray(0, 0);
  };
  t.throws(() => countSteps(new Uint8Array(100), [10], hang), TooManySteps);
  t.equal(
    countSteps(new Uint8Array(100), [10], (chunk) => void chunk.subarray(1, 2)),
    2,
  );
});

t.test('an archive with a second face has two for the lenient readers', async (t) => {
  const { ours = new Uint8Array(0), python = new Uint8Array(0) } = ARCHIVES;
  for (const [name, archive] of Object.entries(ARCHIVES))
    for (const read of [listFromFront, listFromBehind]) t.strictSame(read(archive), listOf(archive), name);
  const twoFaced = joinBytes(ours, python);
  t.strictSame(listFromFront(twoFaced), listOf(ours));
  t.notSame(listFromBehind(twoFaced), listOf(ours));
});
