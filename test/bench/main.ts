/** `npm run bench [name] [-- --json] [--small]`: measures, each bench in a process of its own; a table, then all figures as one JSON object. */
import { spawn } from 'node:child_process';
import { benchAppend } from './append.ts';
import { benchChain } from './chain/chain.ts';
import { benchDecrypt } from './decrypt/decrypt.ts';
import { benchFanout } from './fanout/fanout.ts';
import { benchLedger } from './ledger/ledger.ts';
import type { Figures } from './measure.ts';
import { benchOutside } from './outside.ts';
import { benchPages } from './pages/pages.ts';
import { benchRush } from './rush/rush.ts';
import { benchVerify } from './verify/verify.ts';

const BENCHES = {
  append: benchAppend,
  chain: benchChain,
  decrypt: benchDecrypt,
  fanout: benchFanout,
  ledger: benchLedger,
  outside: benchOutside,
  pages: benchPages,
  rush: benchRush,
  verify: benchVerify,
} as const;
type BenchName = keyof typeof BENCHES;
const names = Object.keys(BENCHES) as BenchName[];

/** Marks a process that measures one bench and prints its figures as JSON. */
const ALONE = '--alone';
/** Asks a bench that has one for its small size, which tells that it works and not how fast. */
const SMALL = '--small';

function isBenchName(name: string): name is BenchName {
  return Object.hasOwn(BENCHES, name);
}

/** Runs one bench in a process of its own, so that none pays for another's memory. */
async function measure(name: BenchName): Promise<Figures> {
  const small = process.argv.filter((arg) => arg === SMALL);
  const child = spawn(process.execPath, [...process.execArgv, import.meta.filename, name, ALONE, ...small], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const code = await new Promise((ended) => child.on('close', ended));
  if (code !== 0) throw new Error(`bench ${name} ended with ${String(code)}`);
  return JSON.parse(said) as Figures;
}

const args = process.argv.slice(2);
const asked = args.filter((arg) => !arg.startsWith('--'));
const unknown = asked.filter((name) => !isBenchName(name));
if (unknown.length > 0) {
  console.error(`no bench is called ${unknown.join(', ')}; there are ${names.join(', ')}`);
  process.exitCode = 1;
} else if (args.includes(ALONE)) {
  const [name] = asked.filter(isBenchName);
  if (name !== undefined) console.log(JSON.stringify(await BENCHES[name]()));
} else {
  const results: Record<string, Figures> = {};
  for (const name of names.filter((each) => asked.length === 0 || asked.includes(each))) {
    results[name] = await measure(name);
    if (args.includes('--json')) continue;
    console.log(name);
    for (const [key, value] of Object.entries(results[name])) console.log(`  ${key.padEnd(24)} ${value}`);
  }
  console.log(JSON.stringify(results));
}
