// What the inspector and the replay of kept requests are told; see docs/conversations.md.
import { get, post, type Body } from './client';
import type { components } from './schema';

type Schemas = components['schemas'];
export type StageView = Schemas['StageView'];
export type ReplayView = Schemas['ReplayView'];
export type ReplayAsk = Body<'/admin/api/exchanges/{request_id}/replay', 'post'>;

/** The stages of a request, in the order in which they happened. */
export const wireOf = (request: string, signal?: AbortSignal): Promise<Schemas['WireView']> =>
  get('/admin/api/exchanges/{request_id}/wire', { path: { request_id: request }, ...(signal && { signal }) });

/** Sends a kept request once more; the two answers side by side. */
export const replayOf = (request: string, body: ReplayAsk): Promise<ReplayView> =>
  post('/admin/api/exchanges/{request_id}/replay', { path: { request_id: request }, body });
