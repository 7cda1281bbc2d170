// What /admin/api/live tells, as it tells it.
import type { components } from './schema';

type Buckets = components['schemas']['Buckets'];

export interface LiveHello { version: string; started_ms: number; now_ms: number; topics: string[]; heartbeat_ms: number }
/** An attempt that was just written down; as in the list of requests. */
export interface LiveAttempt {
  id: string; request: string; started_ms: number; total_us: number; first_byte_us?: number; provider: string; model: string;
  model_asked?: string; token?: string; token_name?: string; run?: string; session?: string; agent?: string; surface: string;
  status: number; outcome: string; error_class?: string; stream: boolean; counts: Buckets; cost_nanos: number;
}
export interface LiveUsage {
  at_ms: number; span_ms: number; requests: number; attempts: number; failures: number; counts: Buckets;
  cost_nanos: number; unpriced_nanos: number; savings_nanos: number; rows: LiveAttempt[]; left_out: number;
}
export interface LiveProvider {
  name: string; enabled: boolean; state: string; failures_in_a_row: number; last_ok_ms?: number | null; last_failure_ms?: number | null;
  calls: number; in_flight: number; models: number | null; shut: unknown[]; shut_left_out: number;
}
export interface LiveEvents {
  hello: LiveHello;
  usage: LiveUsage;
  providers: { providers: LiveProvider[]; gone: string[] };
  quotas: { quotas: unknown[] };
  alerts: { alerts: unknown[]; firing: number; unacknowledged: number };
  log: { lines: unknown[]; last: number; left_out: number };
  config: { loaded_ms: number; error: string | null };
  missed: { events: number };
  end: { why: string };
}
export type LiveEvent = keyof LiveEvents;
