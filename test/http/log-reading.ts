/** What a verifier does with a log's files: opens the checkpoint by the key that is served beside it; and paths no log has. */
import { type Checkpoint, openCheckpoint } from '../../server/core/log/checkpoint.ts';
import { ed25519Verifier, parseVkey } from '../../server/core/log/note.ts';
import { sha256 } from '../../server/hash.ts';
import { verifyEd25519 } from '../support/log-fixtures.ts';

/** Throws when the key did not sign it. */
export async function readCheckpointText(note: string, vkey: string): Promise<Checkpoint> {
  const key = parseVkey(sha256, vkey.replace(/\n$/, ''));
  return (await openCheckpoint(note, ed25519Verifier(key, verifyEd25519))).checkpoint;
}

export const tilePathsOf = {
  malformed: [
    'tile/0/0',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/0/000.p/01',
    'tile/0/000.p/',
    'tile/00/000',
    'tile/64/000',
    'tile/0/x000/000',
    'tile/-1/000',
    'tile/entries/1',
    'tile/0/%30%30%30a',
    'tile',
    'checkpoint/',
    'vkey2',
    'tile/0/000/..',
  ],
} as const;
