/** The address of a worker's script, as browsers that enforce Trusted Types ask for it: only what the build named is ever trusted. */

type Policy = { createScriptURL(text: string): string };
type TrustedTypes = {
  createPolicy(name: string, rules: { createScriptURL(text: string): string }): Policy;
};

/** The one name that the pages' policy allows. */
const NAME = 'kaibiao-worker';

let policy: Policy | null = null;

/** Asserts: an address of a file of the build's own. */
export function trusted(address: string): string {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  // absent where the browser enforces nothing
  if (trustedTypes === undefined) return ownFile(address);
  policy ??= trustedTypes.createPolicy(NAME, { createScriptURL: ownFile });
  return policy.createScriptURL(address);
}

function ownFile(address: string): string {
  if (!/^\/(assets\/[A-Za-z0-9._-]+|verify-offline)\.js$/.test(address) && !import.meta.env.DEV)
    throw new Error(`no worker of ours: ${address}`);
  return address;
}
