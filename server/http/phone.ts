/** /phone/mailboxes: what a page and the phone that holds its person's key leave for each other, sealed; of it this server knows sizes and times. */
import type { FastifyRequest } from 'fastify';
import * as Type from 'typebox';
import { PHONE_HELLO_CHARACTERS, PHONE_MESSAGES_LIMIT, PHONE_SEALED_LIMIT_CHARACTERS } from '../client/phone-limits.ts';
import { claimMailbox, endMailbox, leaveMessage, openMailbox, takeMessages } from '../identity/phone-mailboxes.ts';
import type { Dependencies, Nouns } from './dependencies.ts';
import { accepted, ProblemError } from './errors.ts';
import { strict } from './schemas.ts';

const tags = ['phone'];
/** Beside the sealed message: its number and the token, with their names. */
const BODY_LIMIT_BYTES = PHONE_SEALED_LIMIT_CHARACTERS + 1_024;

const MailboxId = Type.String({ pattern: '^[A-Za-z0-9_-]{22}$' });
const Token = Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' });
const sealedOf = (least: number, most: number) =>
  Type.String({ pattern: '^[A-Za-z0-9_-]*$', minLength: least, maxLength: most });
const Hello = sealedOf(PHONE_HELLO_CHARACTERS, PHONE_HELLO_CHARACTERS);
const Sealed = sealedOf(24, PHONE_SEALED_LIMIT_CHARACTERS);
const Seq = Type.Integer({ minimum: 0, maximum: PHONE_MESSAGES_LIMIT });
const Params = Type.Object({ id: MailboxId }, strict);
const Now = Type.Object({ now: Type.Integer() });

export function addPhone(app: Nouns, { identity }: Dependencies): void {
  /**
   * Throws: ProblemError origin_not_allowed.
   * Why:    only our own pages speak here, and a browser names the page of every POST; JSON alone makes it ask first for a foreign one.
   */
  async function ownPage({ headers }: FastifyRequest): Promise<void> {
    if (headers.origin === undefined || !identity.origins.includes(headers.origin))
      throw new ProblemError('origin_not_allowed');
  }
  // Who decrypts by the phone has half an hour for it: not shed under load, but limited like everything.
  const common = { config: { isVital: true, limit: 'phone' }, preParsing: ownPage } as const;
  const place = '/phone/mailboxes';

  app.post(
    place,
    {
      ...common,
      config: { isVital: true, limit: 'login' },
      schema: {
        tags,
        summary: 'Opens a mailbox for a page, to be claimed by one phone within a minute',
        body: Type.Object({ id: MailboxId, token: Token, offer: Hello }, strict),
        response: { 200: Type.Object({ expiresAt: Type.Integer(), now: Type.Integer() }) },
      },
    },
    async ({ body }) => accepted(await openMailbox(identity, body)),
  );

  app.post(
    `${place}/:id/claim`,
    {
      ...common,
      schema: {
        tags,
        summary: 'Gives the mailbox to the first phone that asks; every other one is refused, and both sides are told',
        params: Params,
        body: Type.Object({ token: Token, reply: Hello }, strict),
        response: { 200: Type.Object({ offer: Type.String(), now: Type.Integer() }) },
      },
    },
    async ({ params, body }) => accepted(await claimMailbox(identity, { ...params, ...body })),
  );

  app.post(
    `${place}/:id/messages`,
    {
      ...common,
      bodyLimit: BODY_LIMIT_BYTES,
      schema: {
        tags,
        summary: 'Leaves the next message for the other side, for a minute',
        params: Params,
        body: Type.Object({ token: Token, seq: Seq, sealed: Sealed }, strict),
        response: { 200: Now },
      },
    },
    async ({ params, body }) => accepted(await leaveMessage(identity, { ...params, ...body })),
  );

  app.post(
    `${place}/:id/take`,
    {
      ...common,
      schema: {
        tags,
        summary: 'What the other side has left from a number on; what came before is taken away',
        description: '`others` counts phones that asked for the mailbox and were refused.',
        params: Params,
        body: Type.Object({ token: Token, from: Seq }, strict),
        response: {
          200: Type.Object({
            messages: Type.Array(Type.Object({ seq: Type.Integer(), sealed: Type.String() })),
            others: Type.Integer(),
            isOver: Type.Boolean(),
            now: Type.Integer(),
          }),
        },
      },
    },
    async ({ params, body }) => accepted(await takeMessages(identity, { ...params, ...body })),
  );

  app.post(
    `${place}/:id/end`,
    {
      ...common,
      schema: {
        tags,
        summary: 'Ends the pairing for both sides',
        params: Params,
        body: Type.Object({ token: Token }, strict),
        response: { 200: Now },
      },
    },
    async ({ params, body }) => accepted(await endMailbox(identity, { ...params, ...body })),
  );
}
