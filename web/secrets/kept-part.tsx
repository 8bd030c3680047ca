/** The files that this browser keeps for the person who is logged in, each to be saved elsewhere. */
import type { JSX } from 'preact';
import { HOLDER_KEY_FILE } from '../../server/client/holder-key.ts';
import { SaveText } from '../bid/save-link.tsx';
import { say } from '../person/words.ts';
import type { KeptFiles } from './kept-files.ts';

export function KeptPart({ files }: { files: KeptFiles }): JSX.Element | null {
  const all = files.all();
  if (all.length === 0) return null;
  return (
    <details class="kept-files" open={all.some(({ name }) => name === HOLDER_KEY_FILE)}>
      <summary>
        {say('keptFiles')} <span class="number">{all.length}</span>
      </summary>
      <p class="label">{say('keptFilesWords')}</p>
      <ul class="rows">
        {all.map(({ name, text }) => (
          <li class="row" key={name}>
            <SaveText name={name} text={text} type="application/json" words={name} />
          </li>
        ))}
      </ul>
    </details>
  );
}
