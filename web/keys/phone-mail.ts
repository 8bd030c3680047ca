/** The mailbox at the server, by which a page and a phone reach each other: five small requests. */
import { callJson, type Transport } from '../../server/client/transport.ts';

/** What lies in it for one side. */
export type Mail = {
  readonly messages: readonly { readonly seq: number; readonly sealed: string }[];
  /** Phones that were refused because another had it. */
  readonly others: number;
  readonly isOver: boolean;
};

/** Whose mailbox, and what proves it. */
export type MailKey = { readonly id: string; readonly token: string };

/** All of it throws ApiError; everything may be sent twice. */
export type PhoneMail = {
  /** Returns: when the code is over, by the server's clock, and that clock now, ms. */
  open(key: MailKey, offer: string): Promise<{ readonly expiresAt: number; readonly now: number }>;
  /** Returns: what the page left for whoever scans its code. */
  claim(key: MailKey, reply: string): Promise<{ readonly offer: string }>;
  leave(key: MailKey, seq: number, sealed: string): Promise<void>;
  /** One try: whoever waits looks again anyway. */
  take(key: MailKey, from: number): Promise<Mail>;
  end(key: MailKey): Promise<void>;
};

/** The server's, as the pages reach it. */
export function phoneMail(transport: Transport): PhoneMail {
  const post = <Answer>(path: string, body: Readonly<Record<string, string | number>>, retry = true) =>
    callJson<Answer>(transport, { method: 'POST', path: `/phone/mailboxes${path}`, body, retry });
  return {
    open: ({ id, token }, offer) => post('', { id, token, offer }),
    claim: ({ id, token }, reply) => post(`/${id}/claim`, { token, reply }),
    async leave({ id, token }, seq, sealed) {
      await post(`/${id}/messages`, { token, seq, sealed });
    },
    take: ({ id, token }, from) => post(`/${id}/take`, { token, from }, false),
    async end({ id, token }) {
      await post(`/${id}/end`, { token });
    },
  };
}
