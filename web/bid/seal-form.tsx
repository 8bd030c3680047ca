/** The form before sealing: the opening list, the documents, and to which certificate. */
import { useSignal } from '@preact/signals';
import type { JSX, TargetedSubmitEvent } from 'preact';
import { findAlikeDocument } from '../../server/client/document-name.ts';
import type { AgentCertificate } from '../../server/client/key-agent.ts';
import { amountInWords } from '../../server/core/opening/amount-in-words.ts';
import { formatAmount, plainAmount } from '../parts/amount.ts';
import { dayTimeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import { Dialog } from '../person/dialog.tsx';
import { type FilledList, LIST_FIELDS, type ListField, readListForm } from './list-form.ts';
import type { BidRequest } from './lodging.ts';
import { browserToolFacts } from './tool-facts.ts';
import { say } from './words.ts';

/** What a text field of the form may hold, characters. */
const TEXT_LIMIT = 200;

export function SealForm(props: {
  readonly certificate: AgentCertificate;
  readonly about: { readonly lotId: string; readonly creditCode: string; readonly name: string };
  readonly onGo: (request: BidRequest) => void;
  readonly onClose: () => void;
}): JSX.Element {
  const { certificate, about } = props;
  const wrong = useSignal<ListField | 'documents' | null>(null);
  /** The figures as they will be sealed, read back while they are typed. */
  const amount = useSignal<string | null>(null);
  /** The document that has another's name. */
  const alike = useSignal<string | null>(null);

  function submit(event: TargetedSubmitEvent<HTMLFormElement>): void {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const filled = Object.fromEntries(LIST_FIELDS.map((field) => [field, String(form.get(field) ?? '')]));
    const read = readListForm(filled as FilledList, about);
    const files = form.getAll('documents').filter((value): value is File => value instanceof File && value.name !== '');
    const documents = files.map((content) => ({ name: content.name.normalize('NFC'), content }));
    alike.value = findAlikeDocument(documents.map(({ name }) => name));
    wrong.value = 'wrong' in read ? read.wrong : files.length === 0 || alike.value !== null ? 'documents' : null;
    if ('wrong' in read || wrong.value !== null) return;
    const toolFacts = browserToolFacts(documents.map(({ name }) => name));
    props.onGo({ openingList: read.list, documents, toolFacts, certificate });
  }

  const field = (name: ListField | 'documents', input: JSX.Element, hint?: string): JSX.Element => (
    <div class="field">
      <label for={`bid-${name}`}>{say(name)}</label>
      {input}
      {hint === undefined ? null : <span class="field-hint">{hint}</span>}
      <span id={`bid-${name}-fault`} class="field-fault" role="alert">
        {wrong.value !== name ? '' : name === 'documents' ? documentsFault(alike.value) : say('wrong')}
      </span>
    </div>
  );
  const named = (name: ListField | 'documents') => ({
    id: `bid-${name}`,
    name,
    'aria-invalid': wrong.value === name,
    'aria-describedby': `bid-${name}-fault`,
  });
  const text = (name: ListField, hint?: string): JSX.Element =>
    field(name, <input {...named(name)} dir="auto" maxLength={TEXT_LIMIT} />, hint);

  return (
    <Dialog title={say('formTitle')} onClose={props.onClose}>
      <p class="dialog-words">{say('formWords')}</p>
      <dl class="dialog-about">
        <dt class="label">{say('certificate')}</dt>
        <dd>
          <bdi>{about.name}</bdi>
          {', '}
          {say('until', { at: dayTimeText(certificate.certificate.notAfterAt, language.value) })}
        </dd>
      </dl>
      <form class="form" onSubmit={submit} noValidate>
        {field(
          'kind',
          <select {...named('kind')}>
            {(['total', 'rate', 'unit'] as const).map((kind) => (
              <option key={kind} value={kind}>
                {say(`kind_${kind}`)}
              </option>
            ))}
          </select>,
        )}
        {field(
          'amount',
          <input
            {...named('amount')}
            inputMode="decimal"
            onInput={({ currentTarget }) => {
              amount.value = plainAmount(currentTarget.value);
            }}
          />,
          amount.value === null ? undefined : readOut(amount.value),
        )}
        {field('unit', <input {...named('unit')} defaultValue={say('unitOf')} maxLength={40} />)}
        {text('inWords', say('inWordsHint'))}
        {text('duration')}
        {text('quality')}
        {text('manager')}
        {field('columns', <textarea {...named('columns')} dir="auto" rows={3} />, say('columnsHint'))}
        {field('documents', <input {...named('documents')} type="file" multiple />, say('documentsHint'))}
        <p class="field-hint">{say('toolNote')}</p>
        <p class="form-end">
          <button type="button" onClick={props.onClose}>
            {say('cancel')}
          </button>
          <button type="submit" class="strong">
            {say('startSealing')}
          </button>
        </p>
      </form>
    </Dialog>
  );
}

function documentsFault(alike: string | null): string {
  return alike === null ? say('noDocuments') : say('documentsAlike', { name: alike });
}

/** Figures in groups, and in words where they have any: a slip is seen before it is sealed, and words prevail (87号令59). */
function readOut(amount: string): string {
  const words = amountInWords(amount);
  return words === null ? formatAmount(amount) : `${formatAmount(amount)} · ${words}`;
}
