/** Keeps tap from following every promise through async hooks, which costs a tenth of the tests' time; `tap.ts` does for it what that was for. */
import hooks from 'node:async_hooks';
import { syncBuiltinESMExports } from 'node:module';

const { createHook } = hooks;
type Hook = ReturnType<typeof createHook>;

function exportAs(create: typeof createHook): void {
  hooks.createHook = create;
  syncBuiltinESMExports();
}

const inert: Hook = { enable: () => inert, disable: () => inert };
// tap asks for its one hook while it is loaded.
exportAs(() => inert);

/** Gives hooks back to whoever asks from now on. */
export function restoreHooks(): void {
  exportAs(createHook);
}
