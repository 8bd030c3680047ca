/** Where this platform's keys are: in this process, or in the signer's; whoever signs asks here and need not know. */
import type { Config } from '../config.ts';
import type { Office } from '../recorder/guard-folder.ts';
import { lastTerm } from '../recorder/guard-folder.ts';
import { openDesk } from '../recorder/head-desk.ts';
import { createKeyring, type Keyring, needSameKeys, openKeyring, type SigningKeyring } from '../recorder/keyring.ts';
import { openKeys } from '../recorder/keys.ts';
import { createSigner, type Signer } from '../recorder/signer.ts';
import type { World } from '../world.ts';
import { connectSigner } from './signer-client.ts';

export type SigningConfig = Pick<Config, 'dataFolder' | 'platform' | 'signer'>;

export type Signing = {
  readonly keyring: Keyring;
  /** The latest term in which heads were signed. */
  lastTerm(): Promise<number>;
  /** Begins to sign heads for a term; `onLost` is told when that cannot go on. Throws: GuardFault, SignerError, KeyError. */
  open(office: Office, onLost: () => void): Promise<Signer>;
  close(): void;
};

/** The keys as they lie in the data folder now; none is made. Throws: KeyError. */
async function readKeyring({ platform, dataFolder }: SigningConfig): Promise<SigningKeyring> {
  return createKeyring(platform, await openKeys(dataFolder, false));
}

/** Opens the platform's signing. In this process the keys are made on the first start. Throws: KeyError, SignerError. */
export async function openSigning(config: SigningConfig, world: Pick<World, 'after'>): Promise<Signing> {
  const { dataFolder, platform } = config;
  if (config.signer !== null) {
    const client = await connectSigner(config.signer, platform, world);
    const { keyring } = client;
    return { ...client, open: async (office, onLost) => createSigner(keyring, await client.open(office, onLost)) };
  }
  const keyring = await openKeyring(dataFolder, platform);
  return {
    keyring,
    lastTerm: () => lastTerm(dataFolder),
    async open(office) {
      const desk = await openDesk(dataFolder, keyring, office);
      try {
        // From here on the guard is locked, and nobody can change them (recorder/key-succession.ts).
        needSameKeys(keyring, await readKeyring(config));
      } catch (error) {
        await desk.close();
        throw error;
      }
      return createSigner(keyring, desk);
    },
    close: () => undefined,
  };
}

/**
 * The keyring for a program beside the server.
 *
 * Throws: KeyError, SignerError.
 * Why:    keys are read and never made: an export, a bundle or a backup must not be what gives a platform its keys.
 */
export async function withKeyring<T>(
  config: SigningConfig,
  world: Pick<World, 'after'>,
  work: (keyring: Keyring) => Promise<T>,
): Promise<T> {
  if (config.signer === null) return work(await readKeyring(config));
  const client = await connectSigner(config.signer, config.platform, world);
  try {
    return await work(client.keyring);
  } finally {
    client.close();
  }
}
