/** A platform in a process of its own, for the crash matrix: does what its parent says, and kills itself at the point it was told. */

import { canonicalise } from '../../server/core/log/canonical.ts';
import { isDecrypted } from '../../server/core/opening/state.ts';
import { digestText } from '../../server/hash.ts';
import type { OpeningDesk } from '../../server/recorder/opening-desk.ts';
import type { Target } from '../../server/store/driver.ts';
import type { Asked, Replied } from './crash-process.ts';
import { promisedList, WRONG_KEY } from './crash-script.ts';
import { createPlatform, rowOfBidder } from './platform.ts';
import { comeToRest, createBell, type SimWorld, simWorld } from './sim-world.ts';

const [targetText = '', dataFolder = '', startAt = '0', seed = ''] = process.argv.slice(2);
const world = simWorld(Number(startAt), seed);
/** What the clock shows beyond the time that has passed; alarms go by the latter, as a computer's do. */
let wrongMs = 0;
const showing: SimWorld = {
  ...world,
  now: () => world.now() + wrongMs,
  life() {
    const life = world.life();
    return { ...life, world: { ...life.world, now: () => world.now() + wrongMs } };
  },
};
const bell = createBell();
let flying = 0;

const desk: OpeningDesk = {
  verify: async (state, bidder) => (rowOfBidder(state, bidder).creditCode === WRONG_KEY ? 'wrong_key' : null),
  verifyLayer: async () => null,
  lists: async (state) =>
    state.bids.filter(isDecrypted).map(({ bidder }) => {
      const { creditCode, name } = rowOfBidder(state, bidder);
      const { disclosure, list } = promisedList(creditCode, name);
      return { bidder, disclosure, list };
    }),
  manifest: async (state) => {
    const document = { v: 1, bids: state.bids.filter(isDecrypted).map(({ bidder }) => bidder) };
    return { sha256: digestText(canonicalise(document)), bids: document.bids.length, document };
  },
  discard: async () => undefined,
};
const platform = createPlatform({
  target: JSON.parse(targetText) as Target,
  dataFolder,
  world: showing,
  desk,
  bell,
  onStrike: () => process.kill(process.pid, 'SIGKILL'),
});

const rest = (): Promise<void> =>
  comeToRest(world, bell, {
    underWay: () => platform.life()?.underWay() ?? '',
    isQuiet: () => flying === 0 && platform.life()?.isQuiet() !== false,
    isOver: () => false,
  });

/** Lets time pass alarm by alarm. */
async function move(at: number): Promise<void> {
  for (let nextAt = world.nextAt(); nextAt !== null && nextAt <= at; nextAt = world.nextAt()) {
    world.moveTo(nextAt);
    await rest();
  }
  world.moveTo(at);
  await rest();
}

async function answer(asked: Asked): Promise<unknown> {
  const { recorder, signer } = platform.life() ?? absent();
  switch (asked.kind) {
    case 'arm':
      return platform.arm(asked.point);
    case 'create':
      return recorder.create(asked.request);
    case 'submit':
      return recorder.submit(asked.submission);
    case 'state':
      return recorder.stateOf(asked.openingId);
    case 'vkey':
      return signer.vkeyOf(asked.origin, asked.log);
    case 'move':
      return move(asked.at - wrongMs);
    case 'jump':
      wrongMs += asked.byMs;
      return rest();
    case 'now':
      return showing.now();
  }
}

function absent(): never {
  throw new Error('the platform is not running');
}

// Faults that nobody caused are found by their effects; for whoever looks for the cause they are said.
const sayFaults = (): void => {
  for (const fault of platform.faults.splice(0)) process.stderr.write(`${String(fault)}\n`);
};
const reply = (said: Replied): boolean => process.send?.(said) ?? false;
await platform.start();
process.on('disconnect', () => process.exit(0));
process.on('message', (message) => {
  const { n, ...asked } = message as Asked & { readonly n: number };
  const isAct = asked.kind === 'create' || asked.kind === 'submit';
  if (isAct) flying += 1;
  answer(asked as Asked)
    .then(
      (value) => ({ n, value: value ?? null, error: null }),
      (error: unknown) => ({ n, value: null, error: String((error as { code?: unknown }).code ?? error) }),
    )
    .then((said) => {
      if (isAct) flying -= 1;
      bell.ring();
      sayFaults();
      reply(said);
    });
});
reply({ n: 0, value: 'ready', error: null });
