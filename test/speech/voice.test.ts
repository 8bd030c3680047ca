/** The platform's voice by a real engine: Chinese text becomes sound, once, in order; whatever stands in it is read and never obeyed. */
import { existsSync, writeFileSync } from 'node:fs';
import { chmod, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ENGINE_LIMIT_MS, openVoice, SPOKEN_LIMIT_CHARACTERS, WAITING_LIMIT } from '../../server/speech/voice.ts';
import { newFolder } from '../support/folder.ts';
import { speechEngine } from '../support/speech-engine.ts';
import t from '../support/tap.ts';
import { steppedWorld } from '../support/world.ts';

const folder = await newFolder(t, 'voice');
await mkdir(folder, { recursive: true });
const TEXT = '2号投标人，金昌隧道有限公司。报价，壹仟贰佰万元整。';
const HEADER_BYTES = 44;

/** A program of our own in the engine's place. */
async function program(name: string, script: string): Promise<string> {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}
const faults: Error[] = [];
const world = steppedWorld();
const open = (path: string) => openVoice(path, { world, onFault: (fault) => faults.push(fault) });

t.test('a real engine says it', async (t) => {
  const engine = await speechEngine(folder);
  // Not skipped: where it cannot be had the run is red, and says why.
  t.notMatch(engine, /^no /);
  const voice = open(engine);
  const sound = await voice.say(TEXT);
  if (typeof sound === 'string') throw new Error(`${sound} ${faults.map(String)}`);
  const view = new DataView(sound.buffer, sound.byteOffset);
  t.equal(Buffer.from(sound.subarray(0, 4)).toString('latin1'), 'RIFF');
  t.equal(view.getUint32(4, true), sound.length - 8, 'with true sizes');
  t.equal(view.getUint32(40, true), sound.length - HEADER_BYTES);
  const perSecond = view.getUint32(28, true);
  t.ok(sound.length / perSecond > 3, 'it takes as long as such a sentence');
  const longer = await voice.say(TEXT.repeat(2));
  t.ok(longer.length > sound.length * 1.5);
  t.equal(await voice.say(TEXT), sound, 'made once');
  const hostile = await voice.say('--version -w x.wav; $(touch x) `touch y` <speak> [[fɔː]] \u0000');
  t.ok(typeof hostile !== 'string' && hostile.length > HEADER_BYTES, 'read, whatever it is');
});

t.test('the text comes over standard input, and no argument is made of it', async (t) => {
  const seen = join(folder, 'seen');
  const engine = await program('spy', `printf '%s\\n' "$@" > '${seen}'; env >> '${seen}'; cat >> '${seen}'; exit 3`);
  t.equal(await open(engine).say('-f /etc/passwd'), 'none');
  const lines = (await readFile(seen, 'utf8')).split('\n').filter((line) => !/^(PWD|_|SHLVL|OLDPWD)=/.test(line));
  t.strictSame(lines, [
    '-v',
    'cmn',
    '-s',
    '150',
    '--stdin',
    '--stdout',
    'PATH=/usr/local/bin:/usr/bin:/bin',
    '-f /etc/passwd',
  ]);
  t.match(faults.at(-1), { message: 'the speech engine ended with 3 after 0 bytes' });
});

t.test('no engine, one that makes no sound, one without end; and the next text is tried again', async (t) => {
  const before = faults.length;
  t.equal(await open(join(folder, 'not-there')).say(TEXT), 'none');
  t.equal(faults.length, before, 'that there is none is no fault');
  t.equal(await open(await program('mute', 'cat >/dev/null')).say(TEXT), 'none');
  t.equal(await open(await program('endless', 'cat >/dev/null; yes RIFF')).say(TEXT), 'none');
  t.match(faults.at(-1)?.message, /SIGKILL/);
  const hung = open(await program('hung', `touch '${folder}/runs'; sleep 1000`)).say(TEXT);
  while (!existsSync(join(folder, 'runs'))) await new Promise((turn) => setImmediate(turn));
  world.advance(ENGINE_LIMIT_MS - 1);
  t.equal(await Promise.race([hung, new Promise((turn) => setImmediate(() => turn('still')))]), 'still');
  world.advance(1);
  t.equal(await hung, 'none');
  const once = open(
    await program('once', `[ -e '${folder}/again' ] || { touch '${folder}/again'; exit 1; }; printf RIFF%60s x`),
  );
  t.equal(await once.say(TEXT), 'none');
  t.not(await once.say(TEXT), 'none');
});

t.test('so long, and so many at once', async (t) => {
  const voice = open(await program('quick', 'cat >/dev/null; printf RIFF%60s x'));
  t.equal(await voice.say('一'.repeat(SPOKEN_LIMIT_CHARACTERS + 1)), 'too_long');
  t.ok(typeof (await voice.say('一'.repeat(SPOKEN_LIMIT_CHARACTERS))) !== 'string');
  const all = await Promise.all(Array.from({ length: WAITING_LIMIT + 1 }, (_, n) => voice.say(`${n}`)));
  t.strictSame(
    all.map((said) => (typeof said === 'string' ? said : 'sound')),
    [...Array.from({ length: WAITING_LIMIT }, () => 'sound'), 'busy'],
  );
});
