/** The result to be copied or printed for whoever helps. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import { Section } from '../parts/section.tsx';
import type { Desk } from './desk.ts';
import { reportText } from './report.ts';
import { say } from './words.ts';

/** `role` in words. */
export function ReportPart({ desk, role }: { readonly desk: Desk; readonly role: string }): JSX.Element {
  const area = useRef<HTMLTextAreaElement>(null);
  const done = useSignal<'copied' | 'selected' | null>(null);
  const about = { lookedAt: desk.lookedAt.value, origin: location.origin, role, browser: navigator.userAgent };
  const text = reportText(Object.values(desk.lines.value).flat(), about);

  async function copy(): Promise<void> {
    area.current?.select();
    const clipboard = navigator.clipboard as Clipboard | undefined;
    try {
      if (clipboard === undefined) throw new DOMException('no clipboard here', 'NotAllowedError');
      await clipboard.writeText(text);
      done.value = 'copied';
    } catch (fault) {
      // a browser may refuse it; then the text is selected already
      if (!(fault instanceof DOMException)) throw fault;
      done.value = 'selected';
    }
  }
  return (
    <Section id="report" title={say('report')}>
      <p class="section-words">{say('reportWords')}</p>
      <textarea
        ref={area}
        class="report-text code"
        aria-label={say('reportText')}
        rows={10}
        readOnly
        value={text}
        onFocus={({ currentTarget }) => currentTarget.select()}
      />
      <p class="preflight-acts">
        <button type="button" onClick={() => void copy()}>
          {say('copy')}
        </button>
        <button type="button" onClick={() => print()}>
          {say('print')}
        </button>
        <span role="status">{done.value === null ? '' : say(done.value)}</span>
      </p>
    </Section>
  );
}
