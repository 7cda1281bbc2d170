// What /admin/api/live tells, by the names of its events; that there are no others is seen in live.test.ts.
import type { components } from './schema';

type Schemas = components['schemas'];
export type LiveUsage = Schemas['LiveUsage'];
/** An attempt that was just written down; as in the list of requests. */
export type LiveAttempt = Schemas['UsageAttempt'];
export type LiveProvider = Schemas['LiveProvider'];
export interface LiveEvents {
  hello: Schemas['LiveHello'];
  usage: LiveUsage;
  providers: Schemas['LiveProviders'];
  quotas: Schemas['LiveQuotas'];
  alerts: Schemas['LiveAlerts'];
  log: Schemas['LiveLog'];
  config: Schemas['LiveConfig'];
  missed: Schemas['LiveMissed'];
  end: Schemas['LiveEnd'];
}
export type LiveEvent = keyof LiveEvents;
/** The form of each event's data in the API's document. */
export const FORMS: Record<LiveEvent, keyof Schemas> = {
  hello: 'LiveHello', usage: 'LiveUsage', providers: 'LiveProviders', quotas: 'LiveQuotas', alerts: 'LiveAlerts', log: 'LiveLog',
  config: 'LiveConfig', missed: 'LiveMissed', end: 'LiveEnd',
};
