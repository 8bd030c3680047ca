/** Takes the acts of all registers into the ledger by batches whose entries tell nobody how many there were. */
import { BATCH_ACTS, BATCH_LEAVES, batchBody, batchRoot } from '../core/log/register-batch.ts';
import type { RegisterProof } from '../core/log/register-proof.ts';
import { SEED_BYTES } from '../core/log/register-reveal.ts';
import { sha256 } from '../hash.ts';
import type { Signer } from '../recorder/signer.ts';
import type { Sql, TransactionSql } from '../store/driver.ts';
import type { World } from '../world.ts';
import type { LogWriter } from './log-writer.ts';
import { createRegisterProofs, leavesOf } from './register-proofs.ts';
import { drawSpans } from './register-spans.ts';

/** Digits of a batch's number in its entry: always as many, so that the entry's length tells nothing. */
const NUMBER_DIGITS = 12;

type Act = { readonly id: string; readonly disclosure: string };

export type RegisterBatches = {
  /** Takes one batch, of at most 1,024 acts, perhaps none. Returns: how many acts still wait is unknown; whether it was full. */
  take(): Promise<{ readonly isFull: boolean }>;
  /** Takes batches until none of the acts committed before the call waits any longer: at a deadline. */
  takeAll(): Promise<void>;
  /** See `RegisterProofs`. */
  proofOfAct(actId: string): Promise<RegisterProof | null>;
};

/** An integer in [0, below), each as likely: values that would favour the small ones are thrown away. */
function randomBelow(world: World, below: number): number {
  const limit = 2 ** 32 - (2 ** 32 % below);
  for (;;) {
    const [a = 0, b = 0, c = 0, d = 0] = world.randomBytes(4);
    const drawn = a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d;
    if (drawn < limit) return drawn % below;
  }
}

/** Different places of a batch, in an order drawn by lot (Fisher–Yates, as far as needed). */
export function drawPositions(world: World, count: number): number[] {
  const places = Array.from({ length: BATCH_LEAVES }, (_, n) => n);
  for (let n = 0; n < count; n++) {
    const drawn = n + randomBelow(world, BATCH_LEAVES - n);
    [places[n], places[drawn]] = [places[drawn] as number, places[n] as number];
  }
  return places.slice(0, count);
}

/**
 * The acts that no batch has taken yet, oldest first.
 *
 * Why: an opening can have some until its span ends (see register-spans.ts), archived or not: one that was archived within a
 *      period of its last act must not leave the act behind. So the question stays as small as what is going on.
 */
async function waitingActs(tx: TransactionSql): Promise<readonly Act[]> {
  return tx<Act[]>`
    SELECT a.id, a.disclosure FROM openings o
    LEFT JOIN register_spans s ON s.opening_id = o.id JOIN register_acts a ON a.opening_id = o.id
    WHERE s.last_batch IS NULL AND NOT EXISTS (SELECT 1 FROM register_batch_members m WHERE m.act_id = a.id)
    ORDER BY a.at, a.opening_id, a.n LIMIT ${BATCH_ACTS}`;
}

export function createRegisterBatches(
  { sql, world, signer }: { readonly sql: Sql; readonly world: World; readonly signer: Signer },
  writer: LogWriter,
): RegisterBatches {
  const proofs = createRegisterProofs(sql, writer.origin, async () => signer.released(writer.origin));

  async function take(): Promise<{ isFull: boolean }> {
    const { answer } = await writer.write(async (tx, seq) => {
      // The head of the ledger is locked: nobody else takes a batch meanwhile.
      const acts = await waitingActs(tx);
      const [row] = await tx<{ batch: number }[]>`SELECT coalesce(max(batch) + 1, 0) AS batch FROM register_batches`;
      const batch = row?.batch ?? 0;
      const seed = world.randomBytes(SEED_BYTES);
      const positions = drawPositions(world, acts.length);
      const leaves = leavesOf(
        seed,
        acts.map(({ disclosure }, n) => [positions[n] as number, disclosure]),
      );
      const root = batchRoot(sha256, leaves);
      await tx`INSERT INTO register_batches (batch, seed, root, ledger_seq) VALUES (${batch}, ${seed}, ${root}, ${seq})`;
      await tx`INSERT INTO register_batch_members (batch, position, act_id)
               SELECT ${batch}, position, act_id
               FROM unnest(${positions}::int[], ${acts.map(({ id }) => id)}::text[]) AS m (position, act_id)`;
      await drawSpans(tx, batch);
      const command = `batch-${String(batch).padStart(NUMBER_DIGITS, '0')}`;
      const draft = { type: 'RegisterBatch', role: 'platform', command, body: batchBody(root), withheld: {} } as const;
      return { drafts: [draft], answer: { batch, leaves, isFull: acts.length === BATCH_ACTS } };
    });
    proofs.keepTree(answer.batch, answer.leaves);
    return { isFull: answer.isFull };
  }

  return {
    take,
    async takeAll() {
      while ((await take()).isFull);
    },
    proofOfAct: proofs.proofOfAct,
  };
}
