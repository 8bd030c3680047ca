/** The jobs that run beside the event loop, as messages between pool and worker. */
import type { MaterialiseLimits, MaterialiseResult } from './materialise.ts';
import type { OpenResult, Promised } from './open-envelope.ts';

type EnvelopeAndKey = { path: string; cek: Uint8Array; promised: Promised };

export type OpenJob = EnvelopeAndKey & { kind: 'open' };
export type MaterialiseJob = EnvelopeAndKey & { kind: 'materialise'; folder: string; limits: MaterialiseLimits };
export type VaultJob = OpenJob | MaterialiseJob;

export type ResultOf<Job extends VaultJob> = Job extends OpenJob ? OpenResult : MaterialiseResult;
