/** The records on paper that were asked for: each made once, one after another, so many at most, and none without end. */

import type { RecordOnPaper } from '../../server/dossier/record-pdf.ts';
import { createRecordPdfs, MAKING_LIMIT_MS, WAITING_LIMIT } from '../../server/dossier/record-pdfs.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';

/** Of a record nothing is asked here but which it is. */
const askedOf = (n: number): RecordOnPaper => ({
  record: { form: 'public' } as unknown as RecordOnPaper['record'],
  mark: { openingId: `o-${n}`, version: 1, sha256: 'A'.repeat(43), size: 1, root: '' },
  origin: 'https://kb.example',
});
const world = steppedWorld();
const paper = (n: number) => new Uint8Array([n]);
const signed = async (_: RecordOnPaper, pdf: Uint8Array) => new Uint8Array([...pdf, 255]);
const turns = () => new Promise((turn) => setImmediate(turn));

/** A maker that makes a record when its test says so. */
function heldMaker() {
  const under: { asked: RecordOnPaper; end(pdf: Uint8Array | Error): void }[] = [];
  const pdfs = createRecordPdfs(world, signed, (asked, late) => {
    return new Promise((resolve, reject) => {
      late.addEventListener('abort', () => reject(new Error('late')));
      under.push({ asked, end: (pdf) => (pdf instanceof Error ? reject(pdf) : resolve(pdf)) });
    });
  });
  return { under, pdfs };
}

t.test('one after another, each once; what failed is made again', async (t) => {
  const { under, pdfs } = heldMaker();
  const [first, again, second] = [pdfs.of(askedOf(1)), pdfs.of(askedOf(1)), pdfs.of(askedOf(2))];
  t.equal(first, again);
  await turns();
  t.strictSame(
    under.map(({ asked }) => asked.mark.openingId),
    ['o-1'],
  );
  under[0]?.end(new Error('the disk'));
  await t.rejects(first as Promise<unknown>, { message: 'the disk' });
  await turns();
  under[1]?.end(paper(2));
  t.strictSame(await second, new Uint8Array([2, 255]), 'what is kept is signed');
  const third = pdfs.of(askedOf(1));
  await turns();
  under[2]?.end(paper(1));
  t.strictSame(await third, new Uint8Array([1, 255]));
  t.equal(under.length, 3);
});

t.test('so many may wait, and one more may not', async (t) => {
  const { under, pdfs } = heldMaker();
  const all = Array.from({ length: WAITING_LIMIT }, (_, n) => pdfs.of(askedOf(n)));
  t.notOk(all.includes(null));
  t.equal(pdfs.of(askedOf(WAITING_LIMIT)), null);
  t.equal(pdfs.of(askedOf(0)), all[0], 'what is being made already is waited for');
  for (let n = 0; n < WAITING_LIMIT; n++) {
    await turns();
    under[n]?.end(paper(n));
  }
  await Promise.all(all);
  t.not(pdfs.of(askedOf(WAITING_LIMIT)), null);
});

t.test('one that never ends is ended, and the next is made', async (t) => {
  const { under, pdfs } = heldMaker();
  const [first, second] = [pdfs.of(askedOf(1)), pdfs.of(askedOf(2))];
  await turns();
  world.advance(MAKING_LIMIT_MS - 1);
  await turns();
  t.equal(under.length, 1);
  world.advance(1);
  await t.rejects(first as Promise<unknown>, { message: 'late' });
  await turns();
  under[1]?.end(paper(2));
  t.strictSame(await second, new Uint8Array([2, 255]));
});
