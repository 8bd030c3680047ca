/** Runs tap and fails when nothing ran; takes tap's arguments: a test file, --grep=…, nothing for all. */
import { spawn } from 'node:child_process';
import './ready.mjs';

// tap can end with 0 although it ran nothing: without a closing line that counts a passed test, the run has failed.
const tap = spawn('node_modules/.bin/tap', process.argv.slice(2), {
  cwd: new URL('../..', import.meta.url),
  stdio: ['ignore', 'pipe', 'inherit'],
});
let tail = '';
tap.stdout.setEncoding('utf8').on('data', (text) => {
  tail = (tail + text).slice(-2000);
  process.stdout.write(text);
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => tap.kill(signal));
tap.on('close', (code, signal) => {
  const passed = Number(/^tests: (\d+) passed, \d+ failed/m.exec(tail)?.[1] ?? 0);
  if (signal !== null || code !== 0) process.exitCode = code ?? 1;
  else if (passed === 0) {
    console.error('no test ran');
    process.exitCode = 1;
  }
});
