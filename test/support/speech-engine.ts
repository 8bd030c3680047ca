/** eSpeak NG for tests: the system's, else of Debian's packages with the libraries that a machine without sound lacks. */
import { execFileSync } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unpackDebian } from './debian.ts';

const PACKAGES = [
  ...['espeak-ng', 'libespeak-ng1', 'espeak-ng-data', 'libpcaudio0', 'libsonic0', 'libpulse0', 'libsndfile1'],
  ...['libasyncns0', 'libflac12', 'libvorbis0a', 'libvorbisenc2', 'libopus0', 'libogg0', 'libmpg123-0', 'libmp3lame0'],
];

/** The engine's path, a script in `folder` where it is not installed; a sentence starting with `no ` why there is none. */
export async function speechEngine(folder: string): Promise<string> {
  try {
    return execFileSync('sh', ['-c', 'command -v espeak-ng'], { encoding: 'utf8' }).trim();
  } catch {
    // the shell found none
  }
  const unpacked = await unpackDebian('espeak', PACKAGES);
  if (typeof unpacked === 'string') return `no eSpeak NG: ${unpacked}`;
  const { root, libraryPath } = unpacked;
  const [libraries = ''] = libraryPath.split(':');
  const script = join(folder, 'espeak-ng');
  const set = `LD_LIBRARY_PATH='${libraryPath}' ESPEAK_DATA_PATH='${join(libraries, 'espeak-ng-data')}'`;
  await writeFile(script, `#!/bin/sh\n${set} exec '${join(root, 'usr/bin/espeak-ng')}' "$@"\n`);
  await chmod(script, 0o755);
  return script;
}
