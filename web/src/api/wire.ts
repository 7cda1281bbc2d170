// What the inspector and the replay of kept requests are told; see docs/conversations.md.
import { get, post } from './client';

/** One stage of a request, as it went over the wire; secrets are taken out. */
export interface StageView {
  stage: 'client_in' | 'upstream_out' | 'upstream_in' | 'client_out';
  /** Which call it belongs to, from 1 on; 0: the client's side. */
  attempt: number;
  at_ms: number;
  head: string;
  body: string;
  size: number;
  /** How it differs from the stage before. */
  change: string;
}
export interface WireView { request_id: string; stages: StageView[] }
export interface ReplaySide {
  request_id: string; provider: string; model: string; outcome: string; status: number; error: string | null;
  input: number; output: number; cost_nanos: number; total_us: number; first_byte_us: number; text: string; calls: string[];
}
export interface Differing { has: 'both' | 'before' | 'after'; line: string }
export interface ReplayView { before: ReplaySide; after: ReplaySide; text: Differing[]; calls: Differing[]; notes: string[] }
export interface ReplayAsk { model: string; protocol?: string; confirm?: boolean }

/** The stages of a request, in the order in which they happened. */
export const wireOf = (request: string, signal?: AbortSignal): Promise<WireView> =>
  get('/admin/api/exchanges/{request_id}/wire' as never, { path: { request_id: request }, ...(signal && { signal }) } as never) as Promise<WireView>;

/** Sends a kept request once more; the two answers side by side. */
export const replayOf = (request: string, body: ReplayAsk): Promise<ReplayView> =>
  post('/admin/api/exchanges/{request_id}/replay' as never, { path: { request_id: request }, body } as never) as Promise<ReplayView>;
