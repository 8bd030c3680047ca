/** Says on the ledger whom a first start let in. */
import type { TellEnrolment } from '../identity/enrolment.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { type Author, enrolAnchors, FIRST_START, recordOperatorAct } from '../ledger/trust.ts';

/** Says on the ledger whom the first start let in: nobody signed for it but whoever holds the machine. */
export function enrolmentOn({ writer }: Pick<Ledger, 'writer'>): TellEnrolment {
  const author: Author = { command: FIRST_START, who: null, source: null, act: null };
  return {
    anchors: (changes) => enrolAnchors(writer, changes),
    async operator({ account, certSha256 }) {
      await recordOperatorAct(writer, author, { letIn: account, kind: 'operator', certSha256 });
    },
  };
}
