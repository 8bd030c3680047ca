/** README.md and README.zh-CN.md say the same: what of them is not words must be equal, section by section, so that neither goes on alone. */

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { packageRoot } from '../server/root.ts';
import { en as bidEn } from '../web/bid/words-en.ts';
import { zh as bidZh } from '../web/bid/words-zh.ts';
import { en as conductEn } from '../web/conduct/words-en.ts';
import { zh as conductZh } from '../web/conduct/words-zh.ts';
import { en as draftEn } from '../web/draft/words-en.ts';
import { zh as draftZh } from '../web/draft/words-zh.ts';
import { en as drawingEn } from '../web/drawing/words-en.ts';
import { zh as drawingZh } from '../web/drawing/words-zh.ts';
import { en as holdingEn } from '../web/holding/words-en.ts';
import { zh as holdingZh } from '../web/holding/words-zh.ts';
import { en as openingEn } from '../web/opening/words-en.ts';
import { zh as openingZh } from '../web/opening/words-zh.ts';
import { en as personEn } from '../web/person/words-en.ts';
import { zh as personZh } from '../web/person/words-zh.ts';
import { en as preflightEn } from '../web/preflight/words-en.ts';
import { zh as preflightZh } from '../web/preflight/words-zh.ts';
import { en as sessionEn } from '../web/session/words-en.ts';
import { zh as sessionZh } from '../web/session/words-zh.ts';
import { en as verifyEn } from '../web/verify/words-en.ts';
import { zh as verifyZh } from '../web/verify/words-zh.ts';
import t from './support/tap.ts';

type Section = { readonly level: number; readonly title: string; readonly text: string };

/** Blocks of code, from fence to fence. */
const BLOCKS = /^```[\s\S]*?^```$/gm;

const read = (file: string): string => readFileSync(resolve(packageRoot, file), 'utf8');

/** A README by its headings, its blocks of code left out. */
function sectionsOf(readme: string): Section[] {
  return [...readme.replace(BLOCKS, '').matchAll(/^(#+) (.*)\n([\s\S]*?)(?=^#+ |(?![\s\S]))/gm)].map(
    ([, marks = '', title = '', text = '']) => ({ level: marks.length, title, text }),
  );
}

/** What stands as code in a line; that a line ends within it means nothing. */
const codesIn = (text: string): string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code.replace(/\s+/g, ' '));

/** Where links lead; the headings of one's own page are named in its own language. */
const linksIn = (text: string): string[] =>
  [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => (target.startsWith('#') ? '#' : target));

/** A month's name is a number in Chinese. */
const MONTHS: readonly string[] = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August'].concat([
  'September',
  'October',
  'November',
  'December',
]);

/** The numbers that are written as figures, outside code and links. */
function figuresIn(text: string): string[] {
  const prose = text.replace(/`[^`]+`/g, ' ').replace(/\]\([^)\s]+\)/g, ' ');
  const dated = MONTHS.reduce((dates, month, at) => dates.replaceAll(`${month} 2`, `${at + 1} 2`), prose);
  return dated.match(/\d(?:[\d,.]*\d)?/g) ?? [];
}

/** The cells of each row of a section's tables. */
const rowsIn = (text: string): string[][] =>
  [...text.matchAll(/^\|(.*)\|$/gm)].map(([, row = '']) => row.split(/(?<!\\)\|/).map((cell) => cell.trim()));

const english = read('README.md');
const chinese = read('README.zh-CN.md');
const pairs = sectionsOf(english).map((section, at) => ({ section, other: sectionsOf(chinese)[at] }));

t.test('each README leads to the other in its first lines', async (t) => {
  const firstLines = (text: string): string => text.split('\n').slice(0, 4).join('\n');
  t.match(firstLines(english), /\]\(README\.zh-CN\.md\)/);
  t.match(firstLines(chinese), /\]\(README\.md\)/);
});

t.test('both READMEs have the same headings by level', async (t) => {
  const levels = (readme: string): number[] => sectionsOf(readme).map(({ level }) => level);
  t.ok(levels(english).length > 10);
  t.strictSame(levels(chinese), levels(english));
});

t.test('both READMEs have the same blocks of code, word for word', async (t) => {
  t.ok((english.match(BLOCKS) ?? []).length > 3);
  t.strictSame(chinese.match(BLOCKS), english.match(BLOCKS));
});

t.test('each section of both READMEs names the same code, links and figures', async (t) => {
  for (const { section, other } of pairs) {
    const text = other?.text ?? '';
    t.strictSame(codesIn(text).toSorted(), codesIn(section.text).toSorted(), `code of ${section.title}`);
    if (section.level > 1)
      t.strictSame(linksIn(text).toSorted(), linksIn(section.text).toSorted(), `links of ${section.title}`);
    t.strictSame(figuresIn(text).toSorted(), figuresIn(section.text).toSorted(), `figures of ${section.title}`);
    const items = (of: string): number => of.match(/^(?:- |\d+\. )/gm)?.length ?? 0;
    t.equal(items(text), items(section.text), `items of ${section.title}`);
    const people = (of: string): number => of.match(/^\*\*/gm)?.length ?? 0;
    t.equal(people(text), people(section.text), `paragraphs with a name in ${section.title}`);
  }
});

t.test('the tables of both READMEs have the same rows, each with the same code and figures', async (t) => {
  const rows = pairs.flatMap(({ section, other }) => rowsIn(section.text).map((row, at) => ({ row, other, at })));
  t.ok(rows.length > 60);
  for (const { row, other, at } of rows) {
    const cells = rowsIn(other?.text ?? '')[at] ?? [];
    const name = row[0] ?? '';
    t.equal(cells.length, row.length, name);
    t.strictSame(codesIn(cells.join(' ')).toSorted(), codesIn(row.join(' ')).toSorted(), name);
    t.strictSame(figuresIn(cells.join(' ')).toSorted(), figuresIn(row.join(' ')).toSorted(), name);
  }
  const count = (readme: string): number => sectionsOf(readme).flatMap(({ text }) => rowsIn(text)).length;
  t.equal(count(chinese), count(english));
});

t.test('the buttons and headings named step by step are the pages’ own', async (t) => {
  const words = (...rooms: readonly Readonly<Record<string, string>>[]): Set<string> =>
    new Set(rooms.flatMap((room) => Object.values(room)));
  const own = {
    en: words(bidEn, conductEn, draftEn, drawingEn, holdingEn, sessionEn, openingEn, personEn, preflightEn, verifyEn),
    zh: words(bidZh, conductZh, draftZh, drawingZh, holdingZh, sessionZh, openingZh, personZh, preflightZh, verifyZh),
  };
  const named = (readme: string): string[] => {
    const steps = sectionsOf(readme).find(({ level }) => level === 3)?.text ?? '';
    return (steps.match(/^\d+\. .*$/gm) ?? []).flatMap((step) =>
      [...step.matchAll(/\*\*(.+?)\*\*/g)].map(([, label = '']) => label),
    );
  };
  t.ok(named(english).length > 30);
  t.equal(named(chinese).length, named(english).length);
  t.strictSame(
    named(english).filter((label) => !own.en.has(label)),
    [],
  );
  t.strictSame(
    named(chinese).filter((label) => !own.zh.has(label)),
    [],
  );
});
