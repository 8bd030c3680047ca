/** Pages of a PDF that are written on from top to bottom, in any script there is a font for; the same calls make the same bytes everywhere. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import PDFDocument from 'pdfkit';

type FontName = 'sc' | 'he' | 'ar';
type Run = { readonly font: FontName; readonly text: string };

const FONTS: Readonly<Record<FontName, readonly [string, string]>> = {
  sc: ['@embedpdf/fonts-sc', 'NotoSansHans-Regular.otf'],
  he: ['@embedpdf/fonts-hebrew', 'NotoSansHebrew-Regular.ttf'],
  ar: ['@embedpdf/fonts-arabic', 'NotoNaskhArabic-Regular.ttf'],
};
const MARGIN = 50;
const LEADING = 1.5;
/** Kerning and ligatures as the font has them, and a run laid out whole: words of Hebrew and Arabic stand in their own order. */
const FEATURES = ['kern', 'liga'] as const;
const RTL: readonly (readonly [FontName, RegExp])[] = [
  ['he', /[\u0590-\u05ff]/u],
  ['ar', /[\u0600-\u06ff\u0750-\u077f]/u],
];

const WORDS = /[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]|[^\s\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]+|\s+/gu;
const SPACED_WORDS = /\S+|\s+/gu;

const files = new Map<FontName, Uint8Array>();

function fontFile(name: FontName): Uint8Array {
  let found = files.get(name);
  if (found === undefined) {
    const [from, file] = FONTS[name];
    const main = createRequire(import.meta.url).resolve(from);
    found = new Uint8Array(readFileSync(join(dirname(main), '../fonts', file)));
    files.set(name, found);
  }
  return found;
}

/** What pdfkit's types leave out of a font: fontkit's own. */
type Opened = { readonly font: { hasGlyphForCodePoint(point: number): boolean } };

export type Paper = {
  /** Lines of text as wide as the page, `indent` points from its left edge. */
  write(text: string, size: number, indent?: number): void;
  /** A name and what it says, beside each other. */
  fact(name: string, value: string, indent?: number): void;
  gap(points: number): void;
  rule(): void;
  /** Black squares of a QR code, each so wide; true is black. */
  code(modules: readonly (readonly boolean[])[], width: number): void;
  /** A file that travels in the PDF. */
  attach(name: string, content: Uint8Array): void;
  /** Of pages so far, for the line at the foot. */
  end(foot: string): Promise<Uint8Array>;
};

/**
 * Begins a document.
 *
 * Shape: A4; `at` is the instant that the file says it was made, ms: nothing of a clock is in it, and nothing is compressed, because
 *        versions of zlib make different bytes.
 */
export function beginPaper({ title, at }: { readonly title: string; readonly at: number }): Paper {
  const date = new Date(at);
  const info = { Title: title, Producer: 'kaibiao', Creator: 'kaibiao', CreationDate: date, ModDate: date };
  const doc = new PDFDocument({
    size: 'A4',
    margin: MARGIN,
    compress: false,
    bufferPages: true,
    lang: 'zh-CN',
    displayTitle: true,
    info,
  });
  const parts: Buffer[] = [];
  doc.on('data', (part: Buffer) => parts.push(part));
  const ended = new Promise<Uint8Array>((resolve, reject) => {
    doc.on('end', () => resolve(new Uint8Array(Buffer.concat(parts))));
    doc.on('error', reject);
  });
  for (const name of Object.keys(FONTS) as FontName[]) doc.registerFont(name, Buffer.from(fontFile(name)));
  const hasGlyph = (name: FontName, point: number): boolean =>
    (doc.font(name) as unknown as { readonly _font: Opened })._font.font.hasGlyphForCodePoint(point);
  const right = doc.page.width - MARGIN;
  const bottom = doc.page.height - MARGIN - 20;
  let y = MARGIN;

  /** The text in pieces of one font each; a character that none has is written as its number, and a control character always. */
  function runsOf(text: string): Run[] {
    const runs: Run[] = [];
    for (const character of text) {
      const point = character.codePointAt(0) ?? 0;
      const rtl = RTL.find(([, range]) => range.test(character))?.[0];
      const isShown = hasGlyph(rtl ?? 'sc', point) && !/[\p{Cc}\p{Cf}\p{Co}]/u.test(character);
      const shown = isShown ? character : `[U+${point.toString(16).toUpperCase().padStart(4, '0')}]`;
      const last = runs.at(-1);
      const isSpace = character === ' ' && last !== undefined && last.font !== 'sc';
      const wanted: FontName = (isShown ? rtl : undefined) ?? (isSpace ? (last?.font ?? 'sc') : 'sc');
      if (last?.font === wanted) runs[runs.length - 1] = { font: wanted, text: last.text + shown };
      else runs.push({ font: wanted, text: shown });
    }
    return runs;
  }

  const widthOf = ({ font: name, text }: Run, size: number): number =>
    doc
      .font(name)
      .fontSize(size)
      .widthOfString(text, { features: [...FEATURES] });

  /** What may not be torn: a word, a single Chinese character, a phrase from right to left that fits on a line; a long word goes letter by letter. */
  function piecesOf(runs: readonly Run[], size: number, width: number): Run[] {
    return runs.flatMap((run) => {
      const { font } = run;
      if (font !== 'sc' && widthOf(run, size) <= width) return [run];
      const words = run.text.match(font === 'sc' ? WORDS : SPACED_WORDS) ?? [];
      return words.flatMap((text): Run[] => {
        const piece: Run = { font, text };
        return widthOf(piece, size) <= width ? [piece] : Array.from(text, (letter): Run => ({ font, text: letter }));
      });
    });
  }

  function linesOf(text: string, size: number, width: number): Run[][] {
    const lines: Run[][] = [];
    for (const paragraph of text.split('\n')) {
      let line: Run[] = [];
      let used = 0;
      for (const piece of piecesOf(runsOf(paragraph), size, width)) {
        const wide = widthOf(piece, size);
        if (used + wide > width && line.length > 0) {
          lines.push(line);
          line = [];
          used = 0;
        }
        const last = line.at(-1);
        if (last?.font === piece.font) line[line.length - 1] = { font: piece.font, text: last.text + piece.text };
        else line.push(piece);
        used += wide;
      }
      lines.push(line);
    }
    return lines;
  }

  function need(height: number): void {
    if (y + height <= bottom) return;
    doc.addPage();
    y = MARGIN;
  }

  function draw(line: readonly Run[], size: number, at: number, top: number): void {
    let x = at;
    for (const run of line) {
      doc
        .font(run.font)
        .fontSize(size)
        .text(run.text, x, top, { lineBreak: false, features: [...FEATURES] });
      x += widthOf(run, size);
    }
  }

  function write(text: string, size: number, indent = 0): void {
    for (const line of linesOf(text, size, right - MARGIN - indent)) {
      need(size * LEADING);
      draw(line, size, MARGIN + indent, y);
      y += size * LEADING;
    }
  }

  return {
    write,
    fact(name, value, indent = 0) {
      const size = 9;
      const nameWidth = 150;
      const left = linesOf(name, size, nameWidth - 8 - indent);
      const valueLines = linesOf(value, size, right - MARGIN - nameWidth);
      for (let n = 0; n < Math.max(left.length, valueLines.length); n++) {
        need(size * LEADING);
        draw(left[n] ?? [], size, MARGIN + indent, y);
        draw(valueLines[n] ?? [], size, MARGIN + nameWidth, y);
        y += size * LEADING;
      }
    },
    gap(points) {
      y += points;
    },
    rule() {
      need(8);
      doc
        .moveTo(MARGIN, y + 3)
        .lineTo(right, y + 3)
        .lineWidth(0.5)
        .strokeColor('#999999')
        .stroke();
      y += 8;
    },
    code(modules, width) {
      need(modules.length * width + 8);
      for (const [row, squares] of modules.entries())
        for (const [column, isBlack] of squares.entries())
          if (isBlack) doc.rect(MARGIN + column * width, y + row * width, width, width);
      doc.fillColor('#000000').fill();
      y += modules.length * width + 8;
    },
    attach(name, content) {
      doc.file(Buffer.from(content), { name, type: 'application/json', creationDate: date, modifiedDate: date });
    },
    end(foot) {
      const { start, count } = doc.bufferedPageRange();
      for (let n = start; n < start + count; n++) {
        doc.switchToPage(n);
        // below the margin a page would be begun anew
        doc.page.margins.bottom = 0;
        draw(
          linesOf(`${foot} · ${n + 1}/${count}`, 7, right - MARGIN)[0] ?? [],
          7,
          MARGIN,
          doc.page.height - MARGIN + 8,
        );
      }
      doc.end();
      return ended;
    },
  };
}
