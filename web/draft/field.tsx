/** One field of the draft: its name, what is typed, what it is for, and what is wrong with it. */
import type { JSX, TargetedEvent } from 'preact';
import { PROFILES, type ProfileName, type WitnessPoint } from '../../server/core/opening/policy.ts';
import { POINT_WORDS } from '../opening/term-words.ts';
import { language } from '../parts/language.ts';
import { accountIn, CERTIFICATE_FILE_LIMIT_BYTES } from './account-file.ts';
import { type Draft, type FieldKind, type FieldName, PARTS, turnedTo } from './fields.ts';
import type { Fault } from './read-draft.ts';
import { say } from './words.ts';
import type { Key } from './words-zh.ts';

const KINDS = Object.assign({}, ...Object.values(PARTS)) as Readonly<Record<FieldName, FieldKind>>;

export type FieldParts = {
  readonly name: FieldName;
  readonly draft: Draft;
  readonly fault: Fault | null;
  /** It stands already and cannot be changed. */
  readonly isFixed: boolean;
  readonly onWrite: (change: Partial<Draft>) => void;
};

export function Field(parts: FieldParts): JSX.Element {
  const { name, fault } = parts;
  const { kind } = KINDS[name];
  const hint = say(`hint_${name}` as Key, { article: PROFILES[parts.draft.profile as ProfileName].articles.failed });
  const words = fault === null ? '' : faultText(fault);
  return (
    <div class={`field draft-${kind}`}>
      {kind === 'marks' ? (
        <span id={`label-${name}`}>{say(name)}</span>
      ) : (
        <label for={`field-${name}`}>{say(name)}</label>
      )}
      <Input {...parts} />
      <span id={`hint-${name}`} class="field-hint">
        {hint}
      </span>
      <span id={`fault-${name}`} class="field-fault" role="alert" data-code={fault?.code}>
        {words}
      </span>
    </div>
  );
}

/** What is wrong, in words, with the bounds where there are some. */
export function faultText({ code, min, max }: Fault): string {
  return say(`fault_${code}`, { min: min ?? '', max: max ?? '' });
}

function Input(parts: FieldParts): JSX.Element {
  const { name, draft, fault, isFixed, onWrite } = parts;
  const field = KINDS[name];
  const value = draft[name];
  const common = {
    id: `field-${name}`,
    name,
    disabled: isFixed,
    'aria-invalid': fault !== null,
    'aria-describedby': `hint-${name} fault-${name}`,
  };
  const write = ({ currentTarget }: TargetedEvent<HTMLInputElement>): void => onWrite({ [name]: currentTarget.value });
  switch (field.kind) {
    case 'line':
      return <input {...common} type="text" dir="auto" value={value} onInput={write} />;
    case 'whole':
      return <input {...common} type="text" inputMode="numeric" value={value} onInput={write} />;
    case 'moment':
      return <input {...common} type="datetime-local" value={value} onInput={write} />;
    case 'account':
      return (
        <>
          <input {...common} type="text" autocomplete="off" value={value} onInput={write} />
          <FromFile name={name} onWrite={onWrite} />
        </>
      );
    case 'choice':
      return (
        <select
          {...common}
          value={value}
          onChange={({ currentTarget }) => {
            const chosen = currentTarget.value;
            onWrite(name === 'profile' ? turnedTo(draft, chosen as ProfileName) : { [name]: chosen });
          }}
        >
          {field.options.map((option) => (
            <option key={option} value={option}>
              {optionText(name, option)}
            </option>
          ))}
        </select>
      );
    case 'marks':
      return <Marks {...parts} options={field.options} />;
  }
}

/** Reads who somebody is from their certificate. */
function FromFile({ name, onWrite }: Pick<FieldParts, 'name' | 'onWrite'>): JSX.Element {
  return (
    <label class="draft-file">
      <span class="label">{say('fromCertificate')}</span>
      <input
        type="file"
        accept=".cer,.crt,.pem,.der,application/pkix-cert,application/x-x509-ca-cert"
        onChange={async ({ currentTarget }) => {
          const [file] = currentTarget.files ?? [];
          if (file === undefined || file.size > CERTIFICATE_FILE_LIMIT_BYTES) return;
          const account = accountIn(new Uint8Array(await file.arrayBuffer()));
          if (account !== null) onWrite({ [name]: account });
        }}
      />
    </label>
  );
}

function Marks({
  name,
  draft,
  options,
  isFixed,
  onWrite,
}: FieldParts & { readonly options: readonly string[] }): JSX.Element {
  const marked = draft[name].split(' ').filter(Boolean);
  return (
    <fieldset class="draft-marks" id={`field-${name}`} aria-labelledby={`label-${name}`} disabled={isFixed}>
      {options.map((option) => (
        <label key={option}>
          <input
            type="checkbox"
            name={option}
            checked={marked.includes(option)}
            onChange={({ currentTarget }) => {
              const others = marked.filter((one) => one !== option);
              onWrite({ [name]: (currentTarget.checked ? [...others, option] : others).join(' ') });
            }}
          />{' '}
          {optionText(name, option)}
        </label>
      ))}
    </fieldset>
  );
}

function optionText(name: FieldName, option: string): string {
  if (name === 'witnessPoints') return POINT_WORDS[language.value][option as WitnessPoint];
  if (name === 'profile') {
    const { zh, en } = PROFILES[option as ProfileName];
    return language.value === 'en' ? en : zh;
  }
  return say(`${name}_${option}` as Key);
}

/** A value as it is read once more before the signature. */
export function shownValue(name: FieldName, value: string): string {
  const { kind } = KINDS[name];
  if (kind === 'choice') return optionText(name, value);
  if (kind === 'moment') return value.replace('T', ' ');
  if (kind !== 'marks') return value;
  return value
    .split(' ')
    .map((option) => optionText(name, option))
    .join('、');
}
