/** The page on which a host drafts an opening: the form in parts, then everything once more with who will see what, then the signature. */
import { useSignal, useSignalEffect } from '@preact/signals';
import type { JSX } from 'preact';
import { PROFILES, type ProfileName } from '../../server/core/opening/policy.ts';
import { WhoSeesTable } from '../conduct/who-sees-table.tsx';
import { PlainTop } from '../opening/plain-top.tsx';
import { Icon } from '../parts/icon.tsx';
import { isolated } from '../parts/isolated.ts';
import { language } from '../parts/language.ts';
import { Message } from '../parts/message.tsx';
import { Section } from '../parts/section.tsx';
import { Dialog } from '../person/dialog.tsx';
import { faultWords, LoginDialog } from '../person/login-dialog.tsx';
import type { Desk } from './desk.ts';
import { Field, shownValue } from './field.tsx';
import { changedNames, FIELD_NAMES, type FieldName, isAsked, PARTS, type Part } from './fields.ts';
import { type Faults, type OpeningBody, readDraft } from './read-draft.ts';
import { say } from './words.ts';

const PART_NAMES = Object.keys(PARTS) as readonly Part[];
/** Fixed once the opening exists. */
const FIXED: ReadonlySet<FieldName> = new Set(['openingId', 'profile', 'sessionId']);

export function Page({ desk }: { desk: Desk }): JSX.Element {
  useSignalEffect(() => {
    document.documentElement.lang = language.value;
    document.title = say(desk.amends === null ? 'draft' : 'amend');
  });
  const title = say(desk.amends === null ? 'draft' : 'amend');
  return (
    <>
      <PlainTop word={title} />
      <main id="main" class={desk.isReady.value ? '' : 'blank'} tabIndex={-1}>
        <Inside desk={desk} title={title} />
      </main>
    </>
  );
}

function Inside({ desk, title }: { desk: Desk; title: string }): JSX.Element {
  const sending = desk.sending.value;
  if (sending.kind === 'done')
    return (
      <Message title={say('done')} words={say(desk.amends === null ? 'doneWords' : 'amendedWords')}>
        <p>
          <a class="to-opening" href={`/openings/${sending.openingId}`}>
            {say('toOpening')}
          </a>
        </p>
      </Message>
    );
  if (desk.isClosed.value) return <Message title={say('closed')} words={say('closedWords')} />;
  if (!desk.isReady.value) return <Message title={say('loading')} words={say('loadingWords')} />;
  return (
    <>
      <h1>{title}</h1>
      <p class="label">{say('words')}</p>
      <Form desk={desk} />
    </>
  );
}

function Form({ desk }: { desk: Desk }): JSX.Element {
  const faults = useSignal<Faults>({});
  const isAsking = useSignal(false);
  const checked = useSignal<OpeningBody | null>(null);
  const seat = desk.seat.value;
  const draft = desk.draft.value;
  const isNew = desk.amends === null;

  function check(): void {
    if (seat === null) {
      isAsking.value = true;
      return;
    }
    const read = readDraft(draft, { now: desk.now(), host: isNew ? seat.session.account : null });
    faults.value = 'faults' in read ? read.faults : {};
    desk.again();
    if ('body' in read) checked.value = read.body;
    else document.getElementById(`field-${FIELD_NAMES.find((name) => read.faults[name] !== undefined)}`)?.focus();
  }

  const count = Object.keys(faults.value).length;
  return (
    <form
      class="draft"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        check();
      }}
    >
      <Who desk={desk} onAsk={() => (isAsking.value = true)} />
      <Changes desk={desk} />
      {PART_NAMES.filter((part) => isNew || part !== 'people').map((part) => (
        <Section key={part} id={part} title={say(`part_${part}`)}>
          <p class="section-words">{say(`partWords_${part}`)}</p>
          <div class="draft-fields">
            {(Object.keys(PARTS[part]) as FieldName[])
              .filter((name) => isAsked(draft, name))
              .map((name) => (
                <Field
                  key={name}
                  name={name}
                  draft={draft}
                  fault={faults.value[name] ?? null}
                  isFixed={!isNew && FIXED.has(name)}
                  onWrite={desk.write}
                />
              ))}
          </div>
        </Section>
      ))}
      {count === 0 ? null : (
        <p class="banner tone-bad" role="alert">
          <Icon name="cross" /> <span>{say('faults', { n: count })}</span>
        </p>
      )}
      <p class="form-end draft-end">
        <button type="button" onClick={desk.startAnew}>
          {say('startAnew')}
        </button>
        <button type="submit" class="strong">
          {say(seat === null ? 'logInFirst' : 'check')}
        </button>
      </p>
      <p class="label">{say('kept')}</p>
      {isAsking.value ? (
        <LoginDialog
          openingId=""
          now={desk.now}
          onSeat={(taken) => {
            desk.seat.value = taken;
            isAsking.value = false;
          }}
          onClose={() => {
            isAsking.value = false;
          }}
        />
      ) : null}
      {checked.value === null ? null : (
        <Confirm
          desk={desk}
          body={checked.value}
          onClose={() => {
            checked.value = null;
          }}
        />
      )}
    </form>
  );
}

function Who({ desk, onAsk }: { desk: Desk; onAsk: () => void }): JSX.Element {
  const seat = desk.seat.value;
  return (
    <p class="banner draft-who">
      <Icon name={seat === null ? 'lock' : 'check'} />
      <span>
        {seat === null
          ? say('nobody')
          : say('asHost', { name: isolated(seat.name), organisation: isolated(seat.organisation) })}{' '}
        {seat === null ? (
          <button type="button" class="log-in" onClick={onAsk}>
            {say('logIn')}
          </button>
        ) : (
          <span class="code">{seat.session.account}</span>
        )}
      </span>
    </p>
  );
}

/** What here is another than on the log, whoever changed it last: what is kept in a browser may be older than what a colleague signed. */
function Changes({ desk }: { desk: Desk }): JSX.Element | null {
  const logged = desk.logged.value;
  const names = logged === null ? [] : changedNames(desk.draft.value, logged);
  if (names.length === 0) return null;
  return (
    <p class="banner tone-warn draft-changes" role="status">
      <Icon name="warning" />{' '}
      <span>{say('changes', { n: names.length, list: names.map((name) => say(name)).join('、') })}</span>
    </p>
  );
}

/** The second step: everything once more, by whom it will be seen, and by which articles. */
function Confirm(props: {
  readonly desk: Desk;
  readonly body: OpeningBody;
  readonly onClose: () => void;
}): JSX.Element {
  const { desk, body, onClose } = props;
  const draft = desk.draft.value;
  const sending = desk.sending.value;
  const profile: { readonly articles: Readonly<Record<string, string>> } = PROFILES[body.profile as ProfileName];
  return (
    <Dialog title={say(desk.amends === null ? 'confirm' : 'confirmAmend')} onClose={onClose} isRead>
      <p class="dialog-words">{say('confirmWords')}</p>
      {PART_NAMES.filter((part) => desk.amends === null || part !== 'people').map((part) => (
        <section key={part} class="draft-summary">
          <h3>{say(`part_${part}`)}</h3>
          <dl class="facts">
            {(Object.keys(PARTS[part]) as FieldName[])
              .filter((name) => isAsked(draft, name) && draft[name] !== '')
              .map((name) => (
                <div class="fact" key={name}>
                  <dt>{say(name)}</dt>
                  <dd class="verbatim" dir="auto">
                    {shownValue(name, draft[name])}
                  </dd>
                </div>
              ))}
          </dl>
        </section>
      ))}
      <section class="draft-summary">
        <h3>{say('whoSees')}</h3>
        <WhoSeesTable policy={body.policy} />
      </section>
      <p class="label">{say('articles', { list: [...new Set(Object.values(profile.articles))].join('、') })}</p>
      <p class="field-fault" role="alert">
        {sending.kind === 'failed' ? faultWords(sending.fault) : ''}
      </p>
      <p class="form-end">
        <button type="button" onClick={onClose}>
          {say('back')}
        </button>
        <button
          type="button"
          class="strong sign"
          disabled={sending.kind === 'sending'}
          onClick={() => {
            void desk.send(body);
          }}
        >
          {say(sending.kind === 'sending' ? 'sending' : 'sign')}
        </button>
      </p>
    </Dialog>
  );
}
