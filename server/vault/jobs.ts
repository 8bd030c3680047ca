/** The jobs that run beside the event loop, as messages between pool and worker. */
import type { OpenFailure, Promised } from './judgement.ts';
import type { LayerKey } from './layer-key.ts';
import type { MaterialiseLimits, MaterialiseResult } from './materialise.ts';
import type { OpenResult } from './open-envelope.ts';

/** `layer` of a bid with two layers. */
type EnvelopeAndKey = { path: string; cek: Uint8Array; promised: Promised; layer?: LayerKey };

export type OpenJob = EnvelopeAndKey & { kind: 'open' };
/** The bidder's own layer alone: the opening key is not there yet. */
export type OpenOuterJob = EnvelopeAndKey & { kind: 'open_outer'; layer: LayerKey };
export type MaterialiseJob = EnvelopeAndKey & { kind: 'materialise'; folder: string; limits: MaterialiseLimits };
export type VaultJob = OpenJob | OpenOuterJob | MaterialiseJob;

export type OuterResult = { ok: true } | OpenFailure;
export type ResultOf<Job extends VaultJob> = Job extends OpenJob
  ? OpenResult
  : Job extends OpenOuterJob
    ? OuterResult
    : MaterialiseResult;

/**
 * The job with its own copies of the keys, for whoever erases them.
 *
 * Why: by Uint8Array.from and not by slice, which of a Buffer is no copy.
 */
export function withOwnKeys<Job extends VaultJob>(job: Job): Job {
  const cek = Uint8Array.from(job.cek);
  if (job.layer === undefined) return { ...job, cek };
  const { certificate, privateKey } = job.layer;
  return { ...job, cek, layer: { certificate, privateKey: privateKey && Uint8Array.from(privateKey) } };
}

export function eraseKeys({ cek, layer }: VaultJob): void {
  cek.fill(0);
  layer?.privateKey?.fill(0);
}
