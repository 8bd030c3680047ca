/** What is said of a TAP stream of test files: a line for each file, each failure in full, and the closing line that counts. */
import { Transform } from 'node:stream';
import { Parser } from 'tap-parser';

export default class Reporter extends Transform {
  #parser = new Parser();
  #failures = [];
  #files = 0;
  #total = { pass: 0, fail: 0, skip: 0 };

  constructor() {
    super();
    this.#follow(this.#parser, undefined, []);
    this.#parser.on('complete', (end) => this.#close(end));
  }

  /** Counts the assertions of one parser and of those nested in it; `file` is undefined at the top, where files sum up. */
  #follow(parser, file, path) {
    let justRead; // the subtest whose summing-up line comes next: counting that too would count twice
    parser.on('child', (child) => {
      justRead = child.name;
      this.#follow(child, file ?? child.name, file === undefined ? [] : [...path, child.name]);
    });
    parser.on('assert', (result) => {
      if (file === undefined) return this.#endFile(result);
      const sumsUp = justRead === result.name;
      justRead = undefined;
      if (result.skip || result.todo) this.#total.skip++;
      else if (sumsUp && (result.ok || result.diag?.tapCaught === undefined)) return;
      else if (result.ok) this.#total.pass++;
      else {
        this.#total.fail++;
        this.#failures.push({ file, path, result });
      }
    });
  }

  #endFile(result) {
    this.#files++;
    this.push(`${result.ok ? 'ok    ' : 'FAILED'} ${result.name} ${Math.round(result.time ?? 0)} ms\n`);
    if (!result.ok && !this.#failures.some((f) => f.file === result.name))
      this.#failures.push({ file: result.name, path: [], result });
  }

  #close(end) {
    for (const { file, path, result } of this.#failures) {
      this.push(`\n--- ${[file, ...path, result.name].filter(Boolean).join(' > ')}\n`);
      if (result.diag)
        this.push(`${typeof result.diag === 'string' ? result.diag : JSON.stringify(result.diag, null, 2)}\n`);
    }
    // A file that crashed or timed out has no failed assertion of its own and must still count as one.
    const failed = this.#total.fail + (end.ok || this.#total.fail > 0 ? 0 : 1);
    this.push(`\n${this.#files} files in ${Math.round(end.time ?? 0)} ms\n`);
    this.push(`tests: ${this.#total.pass} passed, ${failed} failed, ${this.#total.skip} skipped\n`);
  }

  _transform(chunk, _encoding, done) {
    this.#parser.write(chunk);
    done();
  }

  _flush(done) {
    this.#parser.end();
    done();
  }
}
