/** The page of the pre-flight: the verdict, each thing that was looked at with what to do about it, and the result for the support. */
import { type Signal, useSignal, useSignalEffect } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { RoleChoice } from '../lobby/role-choice.tsx';
import { PlainTop } from '../opening/plain-top.tsx';
import { ROLE_WORDS } from '../opening/term-words.ts';
import { say as sayOfOpening } from '../opening/words.ts';
import { Icon } from '../parts/icon.tsx';
import { language } from '../parts/language.ts';
import { Section } from '../parts/section.tsx';
import type { Desk } from './desk.ts';
import { FindingList } from './finding-list.tsx';
import { verdictWords } from './line-words.ts';
import { GROUPS, type Group, verdictOf } from './lines.ts';
import { ReportPart } from './report-part.tsx';
import { SoundPart } from './sound-part.tsx';
import { say } from './words.ts';

export type PageParts = {
  readonly desk: Desk;
  /** The opening it is looked at for; null where none is named. */
  readonly openingId: string | null;
  readonly fault: Signal<unknown>;
};

export function Page({ desk, openingId, fault }: PageParts): JSX.Element {
  useSignalEffect(() => {
    document.documentElement.lang = language.value;
    document.title = `${say('preflight')} · ${sayOfOpening('product')}`;
  });
  const report = (error: unknown): void => {
    fault.value = error;
  };
  const lines = desk.lines.value;
  const role = desk.role.value;
  return (
    <>
      <PlainTop word={say('preflight')} />
      <main id="main" class="preflight" tabIndex={-1}>
        <h1>{say('preflight')}</h1>
        <p class="preflight-intro">{say('intro')}</p>
        {openingId === null ? null : (
          <p>
            {say('forOpening', { id: openingId })} · <a href={`/openings/${openingId}`}>{say('toOpening')}</a>
          </p>
        )}
        <p class="preflight-role">
          <RoleChoice label={say('asRole')} value={role} onChoose={desk.beAs} />
        </p>
        {fault.value === null ? null : (
          <p class="banner tone-bad" role="alert">
            <Icon name="cross" /> <span>{say('fault', { code: codeOf(fault.value) })}</span>
          </p>
        )}
        <VerdictBanner desk={desk} />
        {GROUPS.map((group) => (
          <Section key={group} id={group} title={say(`group_${group}`)} aside={countOf(desk, group)}>
            <FindingList lines={lines[group]} />
            {group === 'line' ? <Again desk={desk} onFault={report} /> : null}
            {group === 'sound' ? <SoundPart desk={desk} onFault={report} /> : null}
            {group !== 'certificate' ? null : role === 'public' ? (
              <p class="empty">{say('publicWords')}</p>
            ) : (
              <Certificate desk={desk} openingId={openingId} onFault={report} />
            )}
          </Section>
        ))}
        <ReportPart desk={desk} role={ROLE_WORDS[language.value][role]} />
      </main>
    </>
  );
}

/** How many of a group passed, of how many. */
function countOf(desk: Desk, group: Group): string {
  const lines = desk.lines.value[group];
  return lines.length === 0 ? '' : `${lines.filter(({ level }) => level === 'good').length} / ${lines.length}`;
}

const LOOKS = {
  ready: { tone: 'good', icon: 'shield', words: 'readyWords' },
  not_ready: { tone: 'bad', icon: 'cross', words: 'notReadyWords' },
  unfinished: { tone: 'busy', icon: 'clock', words: 'unfinishedWords' },
} as const;

function VerdictBanner({ desk }: { readonly desk: Desk }): JSX.Element {
  const verdict = verdictOf(Object.values(desk.lines.value).flat());
  const { tone, icon, words } = LOOKS[verdict.kind];
  return (
    <div class={`banner verdict tone-${tone}`} data-verdict={verdict.kind} role="status">
      <Icon name={icon} />
      <div>
        <strong class="verdict-words">{verdictWords(verdict)}</strong>
        <p>{say(words)}</p>
      </div>
    </div>
  );
}

function Again({ desk, onFault }: { readonly desk: Desk; readonly onFault: (fault: unknown) => void }): JSX.Element {
  const isLooking = desk.isLooking.value;
  return (
    <p class="preflight-acts">
      <button type="button" class="again" disabled={isLooking} onClick={() => desk.look().catch(onFault)}>
        {say(isLooking ? 'looking' : 'again')}
      </button>
    </p>
  );
}

type CertificatePart = typeof import('./certificate-part.tsx').CertificatePart;

/** What opens keys is fetched behind the rest. */
function Certificate(props: {
  readonly desk: Desk;
  readonly openingId: string | null;
  readonly onFault: (fault: unknown) => void;
}): JSX.Element | null {
  const part = useSignal<{ readonly CertificatePart: CertificatePart } | null>(null);
  useEffect(() => {
    import('./certificate-part.tsx').then((room) => {
      part.value = room;
    }, props.onFault);
  }, []);
  const room = part.value;
  return room === null ? null : <room.CertificatePart desk={props.desk} openingId={props.openingId} />;
}

function codeOf(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault);
}
