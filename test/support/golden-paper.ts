/** The record of a golden log on paper, signed as its platform does, with the key of golden logs that a name stands for. */

import { formatVkey, KEY_TYPES, signNote, verifierKey } from '../../server/core/log/note.ts';
import { fromUtf8 } from '../../server/core/log/utf8.ts';
import type { OpeningRecord } from '../../server/core/opening/record.ts';
import { renderRecord } from '../../server/dossier/record-pdf.ts';
import { signRecord } from '../../server/dossier/signed-record.ts';
import { sha256 } from '../../server/hash.ts';
import type { Verified } from '../../server/verify/log.ts';
import { ownKey } from './golden-change.ts';

/** What the keyring does for one log; `keyOf` names the golden log whose key signs. */
export function paperSigner(log: string, keyOf = log) {
  const { publicKey, sign } = ownKey(keyOf);
  const key = verifierKey(sha256, log, KEY_TYPES.ed25519, publicKey);
  return {
    vkeyOf: () => formatVkey(key),
    signRecord: (text: string) => signNote({ text, name: log, keyId: key.keyId, sign }),
  };
}

/** Of a golden log that was judged: its last record before and after it is signed. */
export async function goldenPaper(known: Verified, origin: string) {
  const head = known.state?.record;
  if (head == null || known.record === null || known.state === null) throw new Error('the golden log has no record');
  const record = JSON.parse(fromUtf8(known.record)) as OpeningRecord;
  const { openingId } = known.state;
  const mark = { openingId, version: head.version, sha256: head.sha256, size: known.entries, root: known.root };
  const asked = { record, mark, origin };
  const plain = await renderRecord(asked);
  const platform = known.origin.slice(0, known.origin.indexOf('/opening/'));
  const again = async () => signRecord(paperSigner(known.origin), platform, asked, await renderRecord(asked));
  return { asked, plain, platform, signed: await signRecord(paperSigner(known.origin), platform, asked, plain), again };
}
