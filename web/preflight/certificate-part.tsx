/** Opens the person's keys for as long as it takes to look at them, in the form that the log-in has as well. */
import { useSignal } from '@preact/signals';
import type { JSX, TargetedSubmitEvent } from 'preact';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import * as Type from 'typebox';
import { Check } from 'typebox/schema';
import { createApi } from '../../server/client/api.ts';
import type { Deadline } from '../../server/client/preflight-checks.ts';
import { ApiError } from '../../server/client/transport.ts';
import { payloadOf, standingIn } from '../bid/kept-bid.ts';
import { browserShelf } from '../bid/shelf.ts';
import { standingCertificate } from '../bid/standing-certificate.ts';
import type { SeatKeys } from '../keys/seat-keys.ts';
import { createKeyChoice, KeyFields } from '../person/key-choice.tsx';
import { faultWords } from '../person/login-dialog.tsx';
import { clientWorld, pageTransport } from '../person/page-transport.ts';
import { tryKeyHere } from '../seal/try-key.ts';
import type { Desk } from './desk.ts';
import type { FindingCode, Line } from './lines.ts';
import { still } from './lines.ts';
import { lookAtKeys } from './own-keys.ts';
import { say } from './words.ts';

export type CertificatePartProps = { readonly desk: Desk; readonly openingId: string | null };

export function CertificatePart({ desk, openingId }: CertificatePartProps): JSX.Element {
  const choice = useMemo(createKeyChoice, []);
  const isBusy = useSignal(false);
  const isGone = useRef(false);
  useEffect(
    () => () => {
      isGone.current = true;
    },
    [],
  );

  async function submit(event: TargetedSubmitEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    if (isBusy.value) return;
    const form = event.currentTarget;
    const filled = new FormData(form);
    isBusy.value = true;
    try {
      const found = await look(filled);
      if (found !== null && !isGone.current) desk.takeCertificates(found);
      // the password goes with the keys
      const password = form.elements.namedItem('password');
      if (found !== null && password instanceof HTMLInputElement) password.value = '';
    } finally {
      isBusy.value = false;
    }
  }

  /** Null when a code must be typed first. */
  async function look(filled: FormData): Promise<readonly Line[] | null> {
    const role = desk.role.value;
    let keys: SeatKeys | null = null;
    try {
      const openKeys = await choice.keysIn(filled);
      if (openKeys === null) return null;
      desk.takeCertificates(null);
      keys = await openKeys();
      return await lookAtKeys(await needsHere(desk.now, openingId, role === 'bidder'), keys);
    } catch (fault) {
      return [
        wrong(keys === null ? 'keys_not_opened' : 'not_checked', () => faultWords(fault)),
        still('login', 'none'),
      ];
    } finally {
      keys?.close();
    }
  }

  return (
    <form class="form" onSubmit={submit}>
      <p class="section-words">{say('certificateWords')}</p>
      <KeyFields choice={choice} fileWords={say('fileWords')} onChoose={() => undefined} />
      <p>
        <button type="submit" class="strong" disabled={isBusy.value}>
          {say(isBusy.value ? 'checkingKeys' : 'checkKeys')}
        </button>
      </p>
    </form>
  );
}

const wrong = (own: FindingCode, why: () => string): Line => ({
  check: 'sign',
  level: 'bad',
  facts: null,
  finding: { own, why },
});

async function needsHere(
  now: () => number,
  openingId: string | null,
  mustUnwrap: boolean,
): Promise<Parameters<typeof lookAtKeys>[0]> {
  const world = clientWorld(now);
  const transport = pageTransport(world);
  const { subtle } = crypto;
  return {
    subtle,
    transport,
    world,
    now,
    mustUnwrap,
    deadline: openingId === null ? null : await deadlineOf(createApi(transport), openingId),
    async standingOf(creditCode, api) {
      if (openingId === null) return null;
      const standing = standingIn(await browserShelf().bids(openingId, creditCode));
      const kept = standing === null ? null : payloadOf(standing).encCertSha256;
      return api === null ? kept : standingCertificate(api, openingId, kept);
    },
    tryKey: (certificate, unwrap) => tryKeyHere(subtle, certificate, unwrap),
  };
}

const Glance = Type.Object({
  deadlineAt: Type.Integer(),
  policy: Type.Object({ decryptionWindowMs: Type.Integer() }),
});

/** Null for an opening that is not there. Throws: ApiError. */
async function deadlineOf(
  { readOpening }: Pick<ReturnType<typeof createApi>, 'readOpening'>,
  openingId: string,
): Promise<Deadline | null> {
  try {
    const glance: unknown = await readOpening(openingId);
    if (!Check(Glance, glance)) return null;
    return { deadlineAt: glance.deadlineAt, windowMs: glance.policy.decryptionWindowMs };
  } catch (fault) {
    if (fault instanceof ApiError && fault.status === 404) return null;
    throw fault;
  }
}
