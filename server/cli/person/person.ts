/** A person on the public API: logged in with its CA key, with its own copies of the logs it looks at and a folder of what it keeps. */
import type { Api } from '../../client/api.ts';
import { type KeyAgent, pickCertificate } from '../../client/key-agent.ts';
import type { ListedReceiptKey } from '../../client/ledger-keys.ts';
import { logIn, type Session } from '../../client/session.ts';
import type { Transport } from '../../client/transport.ts';
import { ledgerOrigin, openingOrigin } from '../../core/log/origin.ts';
import type { PersonRole } from '../../core/opening/roles.ts';
import type { CertificateSigner } from '../../core/pki/person-jws.ts';
import { sha256 } from '../../hash.ts';
import type { World } from '../../world.ts';
import { findReceiptKeys } from './ledger.ts';
import { createLogCopy, type LogCopy } from './log-copy.ts';
import { type LogPin, openLogPin } from './log-pin.ts';
import { openPersonFolder, type PersonFolder } from './person-folder.ts';
import { makeSessionKey } from './session-key.ts';

export type PersonOptions = {
  /** Address of the platform: only its origin counts. */
  readonly url: string;
  readonly keys: KeyAgent;
  /** Where heads, statements and receipts are kept; made when it is not there. */
  readonly folder: string;
  readonly world: World;
  readonly fetch?: typeof fetch;
  /** Which certificate to sign with, when there are several. */
  readonly certSha256?: string;
  /** OCSP responses of the person's CA, DER in base64, that go with a login and a decryption. */
  readonly staples?: readonly string[];
  /** The ledger's verifier key, known from elsewhere than the platform; without it the first one shown is held on to. */
  readonly ledgerVkey?: string;
};

/** A copy of one opening's log in one role, and how to bring it up to date. */
export type PersonLog = {
  readonly pin: LogPin;
  readonly copy: LogCopy;
  readonly role: PersonRole;
};

export type Person = {
  readonly origin: string;
  readonly account: string;
  /** The organisation: the first eighteen characters of every account. */
  readonly creditCode: string;
  readonly platform: string;
  readonly session: Session;
  readonly api: Api;
  readonly keys: KeyAgent;
  /** What signs statements with the certificate the person logged in with. */
  readonly signer: CertificateSigner;
  readonly staples: readonly string[];
  readonly folder: PersonFolder;
  readonly world: World;
  pin(openingId: string): Promise<LogPin>;
  log(openingId: string, role: PersonRole): Promise<PersonLog>;
  ledgerPin(): Promise<LogPin>;
  /** The platform's keys for receipts, as the ledger lists them, the newest first; the ledger is pinned at first sight. */
  receiptKeys(): Promise<readonly ListedReceiptKey[]>;
};

const CREDIT_CODE_CHARACTERS = 18;

/**
 * Logs a person in.
 *
 * Throws: ApiError, KeyAgentError, SealError; PersonError.
 */
export async function openPerson(options: PersonOptions): Promise<Person> {
  const { keys, world } = options;
  const folder = await openPersonFolder(options.folder);
  const certSha256 = options.certSha256 ?? (await pickCertificate(keys, 'sign', world.now())).certSha256;
  const signer = await keys.signer(certSha256);
  const transport: Transport = { origin: new URL(options.url).origin, world, fetch: options.fetch ?? fetch };
  const { staples = [] } = options;
  const session = await logIn({ transport, world, signer, staples, sha256, makeSessionKey });
  const { account, platform, api } = session;

  const pins = new Map<string, Promise<LogPin>>();
  const logs = new Map<string, Promise<PersonLog>>();
  const ledger = new Map<'pin', Promise<LogPin>>();
  const receiptKeys = new Map<'keys', Promise<readonly ListedReceiptKey[]>>();

  function pin(openingId: string): Promise<LogPin> {
    return remember(pins, openingId, async () =>
      openLogPin(await folder.logFiles(openingId), openingOrigin(platform, openingId)),
    );
  }

  async function openLedgerPin(): Promise<LogPin> {
    const opened = await openLogPin(await folder.platformLogFiles('ledger'), ledgerOrigin(platform));
    // Named by the person, it may follow one that was pinned before: when others may have had that, nothing else leads to it.
    if (options.ledgerVkey !== undefined) opened.follow(options.ledgerVkey);
    return opened;
  }

  return {
    origin: transport.origin,
    account,
    creditCode: account.slice(0, CREDIT_CODE_CHARACTERS),
    platform,
    session,
    api,
    keys,
    signer,
    staples,
    folder,
    world,
    pin,
    log: (openingId, role) =>
      remember(logs, `${openingId}/${role}`, async () => {
        const pinned = await pin(openingId);
        return { pin: pinned, copy: createLogCopy(pinned), role };
      }),
    ledgerPin: () => remember(ledger, 'pin', openLedgerPin),
    receiptKeys: () =>
      remember(receiptKeys, 'keys', async () => findReceiptKeys(api, await remember(ledger, 'pin', openLedgerPin))),
  };
}

function remember<Value>(known: Map<string, Promise<Value>>, key: string, make: () => Promise<Value>): Promise<Value> {
  let found = known.get(key);
  if (found === undefined) {
    found = make();
    known.set(key, found);
    // What failed is tried anew; whoever asked is told of the failure.
    found.catch(() => known.delete(key));
  }
  return found;
}
