/** What came of a receipt: whose, for what, when it was received, and where it stands in the ledger. */
import type { ComponentChildren, JSX } from 'preact';
import { parseInstant } from '../../server/core/log/instant.ts';
import { dayTimeText } from '../parts/instant-text.ts';
import { language } from '../parts/language.ts';
import { Section } from '../parts/section.tsx';
import { receiptVerdict } from './items.ts';
import type { JudgedReceipt } from './judge-messages.ts';
import { VerdictBanner } from './verdict-banner.tsx';
import { say } from './words.ts';

export function ReceiptResult({ receipt }: { receipt: JudgedReceipt }): JSX.Element {
  const { verdict: held, refusal, name, hasEnvelope, cosigned } = receipt;
  const { verdict, limit } = receiptVerdict(receipt);
  const words = { good: 'receiptGood', inner: 'receiptInner', bad: 'verdict_bad' } as const;
  return (
    <div class="result">
      <VerdictBanner verdict={verdict} words={say(words[verdict])} name={name} refusal={refusal} limit={limit} />
      {held === null ? null : (
        <Section id="receipt" title={say('receipt')}>
          <p>
            {say('receiptHolds')} {hasEnvelope ? say('envelopeSame') : ''}
          </p>
          <dl class="facts">
            <Fact name={say('receiptAct')}>{say(`act_${held.receipt.act}`)}</Fact>
            <Fact name={say('receiptOpening')}>
              <span class="code">{held.receipt.openingId}</span>
            </Fact>
            <Fact name={say('receiptBidder')}>
              <span class="code">{held.receipt.aud}</span>
            </Fact>
            <Fact name={say('receiptAt')}>{dayTimeText(parseInstant(held.receipt.receivedAt), language.value)}</Fact>
            <Fact name={say('receiptBytes')}>
              <span class="number">{held.receipt.envelopeBytes}</span>
            </Fact>
            <Fact name={say('receiptEntry')}>
              <span class="number">{held.ledgerSeq}</span>
            </Fact>
            <Fact name={say('receiptEnvelope')} isWide>
              <span class="code">{held.receipt.envelopeSha256}</span>
            </Fact>
            <Fact name={say('receiptLedger')} isWide>
              <span class="code">{held.ledger}</span>
            </Fact>
            {cosigned === null ? null : (
              <Fact name={say('item_cosigners')} isWide>
                <span class="code">{cosigned.words}</span>
              </Fact>
            )}
          </dl>
        </Section>
      )}
    </div>
  );
}

function Fact(props: { name: string; isWide?: boolean; children: ComponentChildren }): JSX.Element {
  return (
    <div class={props.isWide === true ? 'fact fact-wide' : 'fact'}>
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
    </div>
  );
}
