// Short names for what the API speaks of.
import type { components } from './schema';

type Schemas = components['schemas'];
export type Me = Schemas['Me'];
export type TokenView = Schemas['TokenView'];
export type TokenDetail = Schemas['TokenDetail'];
export type TokenCreate = Schemas['TokenCreate'];
export type TokenCreated = Schemas['TokenCreated'];
export type BudgetView = Schemas['BudgetView'];
export type Budget = Schemas['Budget'];
export type Limits = Schemas['Limits'];
export type Role = Schemas['Role'];
export type Buckets = Schemas['Buckets'];
export type Totals = Schemas['Totals'];
export type Report = Schemas['Report'];
export type ReportRow = Schemas['ReportRow'];
export type Movers = Schemas['Movers'];
export type Forecast = Schemas['Forecast'];
export type ErrorReport = Schemas['ErrorReport'];
export type UsageRequest = Schemas['UsageRequest'];
export type UsageAttempt = Schemas['UsageAttempt'];
export type RunView = Schemas['RunView'];
export type RunSession = Schemas['RunSession'];
export type ModelView = Schemas['ModelView'];
export type ModelPrice = Schemas['ModelPrice'];
export type UsageOf = Schemas['UsageOf'];
export type SessionView = Schemas['SessionView'];
export type Tried = Schemas['Tried'];
