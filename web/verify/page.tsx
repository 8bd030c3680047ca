/** The verify page: what is given on top, whom the reader trusts, and below item by item what came of it. */
import { useSignal, useSignalEffect } from '@preact/signals';
import type { JSX } from 'preact';
import { PlainTop } from '../opening/plain-top.tsx';
import { say as sayOfOpening } from '../opening/words.ts';
import { language } from '../parts/language.ts';
import { Section } from '../parts/section.tsx';
import type { Desk } from './desk.ts';
import { chosenFiles, droppedFiles } from './given-files.ts';
import { results } from './results-arriving.ts';
import { say } from './words.ts';

export function Page({ desk }: { desk: Desk }): JSX.Element {
  useSignalEffect(() => {
    document.documentElement.lang = language.value;
    document.title = `${say('verify')} · ${sayOfOpening('product')}`;
  });
  return (
    <>
      <PlainTop word={say('verify')} />
      <main id="main" class="verify" tabIndex={-1}>
        <h1>{say('verify')}</h1>
        <p class="verify-intro">{say('intro')}</p>
        <Give desk={desk} />
        <AnchorFields desk={desk} />
        <div aria-live="polite">
          <Said desk={desk} />
        </div>
      </main>
    </>
  );
}

function Give({ desk }: { desk: Desk }): JSX.Element {
  const text = useSignal('');
  const isOver = useSignal(false);
  const take = async (picture: File | undefined): Promise<void> => {
    if (picture === undefined) return;
    const { readCode } = await import('./read-code.ts');
    const found = await readCode(picture);
    if (found === null) desk.say('noCode');
    else await desk.takeText(found);
  };
  return (
    <Section id="give" title={say('give')}>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: dropping is beside the buttons within, which do the same by keyboard */}
      <div
        class={isOver.value ? 'drop drop-over' : 'drop'}
        onDragOver={(event) => {
          event.preventDefault();
          isOver.value = true;
        }}
        onDragLeave={() => {
          isOver.value = false;
        }}
        onDrop={(event) => {
          event.preventDefault();
          isOver.value = false;
          if (event.dataTransfer !== null) void droppedFiles(event.dataTransfer).then(desk.take);
        }}
      >
        <p>{say('dropHere')}</p>
        <p class="drop-choices">
          <FileButton
            name="files"
            label={say('chooseFiles')}
            multiple
            onChosen={(list) => desk.take(chosenFiles(list))}
          />
          <FileButton
            name="folder"
            label={say('chooseFolder')}
            isFolder
            onChosen={(list) => desk.take(chosenFiles(list))}
          />
          <FileButton name="code" label={say('chooseImage')} accept="image/*" onChosen={(list) => take(list?.[0])} />
        </p>
      </div>
      <form
        class="verify-paste"
        onSubmit={(event) => {
          event.preventDefault();
          void desk.takeText(text.value);
        }}
      >
        <label class="field">
          <span>{say('pasted')}</span>
          <textarea
            name="pasted"
            rows={2}
            value={text.value}
            onInput={({ currentTarget }) => {
              text.value = currentTarget.value;
            }}
          />
        </label>
        <button type="submit" class="strong" disabled={text.value.trim() === ''}>
          {say('check')}
        </button>
      </form>
    </Section>
  );
}

function AnchorFields({ desk }: { desk: Desk }): JSX.Element {
  const { anchors } = desk;
  const field = (name: 'policy' | 'stampRoots', choose: string): JSX.Element => (
    <div class="verify-anchor">
      <label class="field">
        <span>{say(name)}</span>
        <textarea
          name={name}
          rows={3}
          spellcheck={false}
          class="code"
          value={anchors.value[name] ?? ''}
          onInput={({ currentTarget }) => {
            anchors.value = { ...anchors.value, [name]: currentTarget.value };
          }}
        />
      </label>
      <FileButton
        name={`${name}-file`}
        label={choose}
        onChosen={async (list) => {
          const text = await list?.[0]?.text();
          if (text !== undefined) anchors.value = { ...anchors.value, [name]: text };
        }}
      />
    </div>
  );
  return (
    <details class="section">
      <summary>
        <h2>{say('anchors')}</h2>
      </summary>
      <p class="verify-intro">{say('anchorsWords')}</p>
      <div class="verify-anchors">
        {field('policy', say('choosePolicy'))}
        {field('stampRoots', say('chooseRoots'))}
      </div>
    </details>
  );
}

/** A button that opens the choice of files; choosing the same file again asks again. */
function FileButton(props: {
  name: string;
  label: string;
  multiple?: boolean;
  isFolder?: boolean;
  accept?: string;
  onChosen: (list: FileList | null) => unknown;
}): JSX.Element {
  const { name, label, multiple = false, isFolder = false, accept, onChosen } = props;
  return (
    <label class="file-button">
      <input
        type="file"
        name={name}
        class="unseen"
        multiple={multiple}
        {...(accept === undefined ? {} : { accept })}
        {...(isFolder ? { webkitdirectory: true } : {})}
        onChange={async ({ currentTarget }) => {
          await onChosen(currentTarget.files);
          currentTarget.value = '';
        }}
      />
      <span>{label}</span>
    </label>
  );
}

function Said({ desk }: { desk: Desk }): JSX.Element | null {
  const state = desk.state.value;
  switch (state.kind) {
    case 'empty':
      return null;
    case 'fetching':
      return <p class="banner tone-busy">{say('fetching', { n: state.files })}</p>;
    case 'judging':
      return (
        <p class="banner tone-busy">
          {state.entries === 0 ? say('judgingBegin') : say('judging', { n: state.entries })}
        </p>
      );
    case 'said':
      return <p class="banner tone-warn">{say(state.what)}</p>;
    case 'notFound':
      return <p class="banner tone-warn">{say('notFound', { id: state.id })}</p>;
    case 'elsewhere':
      return (
        <p class="banner tone-warn">
          <span>
            {say('otherPlatform', { origin: state.origin })}{' '}
            <a href={state.url} rel="noopener">
              {say('openThere')}
            </a>
          </span>
        </p>
      );
    case 'anchor_malformed':
      return (
        <p class="banner tone-bad" role="alert">
          <span>
            <strong>{say('anchor_malformed')}</strong> {say(state.field)} <span class="code">{state.detail}</span>
          </span>
        </p>
      );
    case 'broken':
      return (
        <p class="banner tone-bad" role="alert">
          <span>
            <strong>{say('broken')}</strong> <span class="code">{state.detail}</span>
          </span>
        </p>
      );
    case 'judged': {
      const Shown = results.value?.Results;
      return Shown === undefined ? null : <Shown judged={state.judged} onLookUp={(mark) => void desk.lookUp(mark)} />;
    }
  }
}
