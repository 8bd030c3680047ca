/** The two steps of an act: what it does and by which article, what it asks for, then the signature. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren, JSX, TargetedInputEvent, TargetedSubmitEvent } from 'preact';
import type { JsonObject } from '../../server/core/log/canonical.ts';
import { amountInWords } from '../../server/core/opening/amount-in-words.ts';
import type { PersonRole } from '../../server/core/opening/roles.ts';
import type { OpeningState } from '../../server/core/opening/state.ts';
import { POINT_WORDS, ROLE_WORDS, VERDICT_WORDS } from '../opening/term-words.ts';
import { plainAmount } from '../parts/amount.ts';
import { language } from '../parts/language.ts';
import { instantOf } from '../parts/moment.ts';
import type { QUOTE_KINDS } from '../secrets/quote-form.ts';
import { type Field, nameKey, type Offer, whyKey } from './act-rows.ts';
import { Dialog } from './dialog.tsx';
import { SeenLines } from './seen-lines.tsx';
import { type TypedWords, typedOf } from './typed-words.ts';
import { say } from './words.ts';
import type { Key } from './words-zh.ts';

/** The longest reason or text, characters: what the command's schema takes. */
const TEXT_LIMIT = 2_000;
/** The longest name, characters. */
const LINE_LIMIT = 200;
const MINUTES = { min: 1, max: 120 } as const;

export function ActDialog(props: {
  readonly offer: Offer;
  readonly state: OpeningState;
  /** Whose typed words are kept: the next person at this computer does not find them. */
  readonly account: string;
  /** What is filled in already, by name. */
  readonly preset?: Readonly<Record<string, string>>;
  /** What stands above the fields, and what is wrong with it: then nothing goes on. */
  readonly children?: ComponentChildren;
  readonly fault?: string | null;
  readonly onGo: (data: JsonObject) => void;
  readonly onClose: () => void;
}): JSX.Element {
  const { offer } = props;
  const typed = typedOf(props.state, props.account, { offer, preset: props.preset ?? {} });
  const faults = useSignal<Readonly<Record<string, string>>>({});

  const isRead = useSignal(false);

  async function submit(event: TargetedSubmitEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    // a second click while a file is being read is the same act
    if (isRead.value) return;
    isRead.value = true;
    const form = new FormData(event.currentTarget);
    const filled: Record<string, string> = {};
    const found: Record<string, string> = {};
    for (const field of offer.fields) {
      const given = field.kind === 'marks' ? form.getAll(field.name).join(',') : form.get(field.name);
      const value = await textOf(given);
      filled[field.name] = value;
      const fault = faultOf(field, value);
      if (fault !== null) found[field.name] = fault;
    }
    faults.value = found;
    if (Object.keys(found).length === 0 && (props.fault ?? null) === null) props.onGo(offer.data(filled));
    else isRead.value = false;
  }

  return (
    <Dialog title={say('confirmTitle', { act: say(nameKey(offer.type)) })} onClose={props.onClose}>
      <p class="dialog-words">{say(whyKey(offer.type, props.state))}</p>
      {offer.about.length === 0 ? null : (
        <dl class="dialog-about">
          {offer.about.map(([name, value]) => (
            <div key={name}>
              <dt class="label">{say(name)}</dt>
              <dd class="code">{value}</dd>
            </div>
          ))}
        </dl>
      )}
      <SeenLines type={offer.type} state={props.state} />
      <form class="form" onSubmit={submit} noValidate>
        {props.children}
        {props.fault === undefined ? null : (
          <span class="field-fault" role="alert">
            {props.fault ?? ''}
          </span>
        )}
        {offer.fields.map((field) => (
          <div class="field" key={field.name}>
            <label for={`act-${field.name}`}>{say(field.name as Key)}</label>
            <Input
              field={field}
              fault={faults.value[field.name] ?? null}
              preset={props.preset?.[field.name]}
              typed={typed}
            />
            {field.kind === 'file' && field.isOptional === true && field.name === 'bidFile' ? (
              <span class="field-hint">{say('bidFileKept')}</span>
            ) : null}
            <span id={`act-${field.name}-fault`} class="field-fault" role="alert">
              {faults.value[field.name] ?? ''}
            </span>
          </div>
        ))}
        <p class="dialog-words">{say('confirmWords')}</p>
        <p class="form-end">
          <button type="button" onClick={props.onClose}>
            {say('cancel')}
          </button>
          <button type="submit" class="strong">
            {say('confirmGo')}
          </button>
        </p>
      </form>
    </Dialog>
  );
}

function Input(props: {
  field: Field;
  fault: string | null;
  preset: string | undefined;
  typed: TypedWords;
}): JSX.Element {
  const { field, fault, preset, typed } = props;
  const { name, kind } = field;
  // what there is no choice about is chosen
  const only = field.kind === 'choice' && field.options.length === 1 ? field.options[0] : undefined;
  const common = { id: `act-${name}`, name, 'aria-invalid': fault !== null, 'aria-describedby': `act-${name}-fault` };
  // what was typed outlives a page that is loaded again, and a refusal
  const keeping = {
    onInput: ({ currentTarget: { value } }: TargetedInputEvent<HTMLInputElement | HTMLTextAreaElement>) =>
      typed.keep(name, value),
  };
  const begun = typed.kept(name) ?? ('begins' in field ? field.begins : undefined);
  switch (kind) {
    case 'text':
      return (
        <textarea {...common} {...keeping} dir="auto" rows={4} maxLength={TEXT_LIMIT} defaultValue={preset ?? begun} />
      );
    case 'line':
      return (
        <input {...common} {...keeping} type="text" dir="auto" maxLength={LINE_LIMIT} defaultValue={preset ?? begun} />
      );
    case 'moment':
      return <input {...common} type="datetime-local" defaultValue={preset} />;
    case 'amount':
      return <Amount common={common} preset={preset} />;
    case 'file':
      return <input {...common} type="file" accept=".json,application/json" />;
    case 'minutes':
      return <input {...common} type="number" inputMode="numeric" {...MINUTES} />;
    case 'marks':
      return (
        <span class="marks">
          {field.options.map((option) => (
            <label key={option}>
              <input type="checkbox" name={name} value={option} /> {optionWords(name, option)}
            </label>
          ))}
        </span>
      );
    case 'choice':
      return (
        <select {...common}>
          <option value="">{say('choose')}</option>
          {field.options.map((option) => (
            <option key={option} value={option} selected={option === (preset ?? only)}>
              {optionWords(name, option)}
            </option>
          ))}
        </select>
      );
  }
}

type Common = {
  readonly id: string;
  readonly name: string;
  readonly 'aria-invalid': boolean;
  readonly 'aria-describedby': string;
};

/** Figures with their words beside them, so that a mistyped nought is seen before it is signed. */
function Amount(props: { common: Common; preset: string | undefined }): JSX.Element {
  const typed = useSignal(props.preset ?? '');
  const plain = plainAmount(typed.value);
  return (
    <>
      <input
        {...props.common}
        type="text"
        inputMode="decimal"
        value={typed.value}
        onInput={({ currentTarget: { value } }) => {
          typed.value = value;
        }}
      />
      <span class="field-hint" aria-live="polite" lang="zh-CN">
        {plain === null ? '' : (amountInWords(plain) ?? '')}
      </span>
    </>
  );
}

/** The largest file that is read, bytes: a statement with its chain is 20 KB. */
const FILE_LIMIT_BYTES = 1_048_576;

async function textOf(value: FormDataEntryValue | null): Promise<string> {
  if (value === null || typeof value === 'string') return value ?? '';
  // a space, which is nothing to read and not the same as no file
  return value.size > FILE_LIMIT_BYTES ? ' ' : value.text();
}

/** A number is its own words. */
function optionWords(name: string, option: string): string {
  if (name === 'to' && option === 'all') return say('to_all');
  if (name === 'to' && option === 'host') return say('to_host');
  if (name === 'quoteKind') return say(`quoteKind_${option as (typeof QUOTE_KINDS)[number]}`);
  if (name === 'role') return ROLE_WORDS[language.value][option as PersonRole];
  const words: Readonly<Record<string, string>> =
    name === 'verdict' ? VERDICT_WORDS[language.value] : POINT_WORDS[language.value];
  return words[option] ?? option;
}

/** A remark may be left out; whatever else is asked for is needed. */
function faultOf(field: Field, value: string): string | null {
  const { name, kind } = field;
  if (field.kind === 'file' && field.isOptional === true && value === '') return null;
  if (kind === 'marks')
    return value.split(',').length === field.count && value !== '' ? null : say('marksWrong', { n: field.count });
  if (kind === 'minutes') {
    const minutes = Number(value);
    const isFit = Number.isInteger(minutes) && minutes >= MINUTES.min && minutes <= MINUTES.max;
    return value.trim() !== '' && isFit ? null : say('minutesWrong');
  }
  if (kind === 'amount') return plainAmount(value) === null ? say('amountWrong') : null;
  if (kind === 'moment') return instantOf(value) === null ? say('momentWrong') : null;
  return value.trim() === '' && name !== 'note' ? say('fieldEmpty') : null;
}
