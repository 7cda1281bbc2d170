//! Every operation of the admin API: what the router is made of, what the `OpenAPI` document says, and what tests walk
//! through.

use axum::routing::{delete, get, patch, post, put};
use tokenrouter_shared::alert::{AlertPage, AlertTested, AlertView};
use tokenrouter_shared::attempt::{DimensionPage, UsageRequest, UsageRequests};
use tokenrouter_shared::audit::AuditPage;
use tokenrouter_shared::change::TokenChange;
use tokenrouter_shared::conversation::{ConversationDetail, ConversationPage, ConversationsRemoved, WireView};
use tokenrouter_shared::gateway::{
    ConfigView, EndpointPage, EndpointReset, EndpointsReset, GatewayStatus, PresetPage, SetupView, TlsRenewal,
};
use tokenrouter_shared::live::{
    LiveAlerts, LiveConfig, LiveEnd, LiveHello, LiveLog, LiveMissed, LiveProviders, LiveQuotas, LiveUsage,
};
use tokenrouter_shared::log::{LogCleared, LogPage};
use tokenrouter_shared::model::{ModelView, ModelsView};
use tokenrouter_shared::network::{NetworkChange, NetworkTrial, NetworkView};
use tokenrouter_shared::provider::{
    KeyAdd, KeyChange, ProviderChange, ProviderCreate, ProviderDetail, ProviderList, ProviderSummary, ProviderTest,
    Tried,
};
use tokenrouter_shared::quota::{QuotaPage, QuotaRefresh, QuotaRefreshed};
use tokenrouter_shared::reconcile::{Reconcile, Reconciled};
use tokenrouter_shared::replay::{ReplayAsk, ReplayView};
use tokenrouter_shared::report::{CacheReport, ErrorReport, Forecast, Movers, Report};
use tokenrouter_shared::reprice::{Reprice, Repriced};
use tokenrouter_shared::route::{RouteDecision, RouteExplained};
use tokenrouter_shared::routing::{AliasPage, AliasPut, Reloaded, RoutingChange, RoutingChanged, RoutingView};
use tokenrouter_shared::run::{RunDetail, RunPage};
use tokenrouter_shared::secrets::{SecretPage, SecretPut, SecretRemoved, SecretView, SecretsRotated};
use tokenrouter_shared::session::{Login, Me, SessionList, SessionView, SetupCreate, SetupCreated};
use tokenrouter_shared::settings::{Settings, SettingsChange, SettingsChanged};
use tokenrouter_shared::token::{
    LeaseView, TokenCreate, TokenCreated, TokenDetail, TokenPage, TokenRevoked, TokenRotate,
};

use tokenrouter_shared::usage_of::UsageOf;

use super::operation::{Form, Needs, Operation, Parameter};
use super::shape::{ClientRequest, Document, Shape};
use super::{
    alerts, aliases, audit, config, conversations, endpoints, live, log, me, models, network, openapi, presets,
    providers, quotas, reconcile, reprice, routes, routing, secrets, sessions, settings, setup, status, tls, tokens,
    usage,
};

/// Every operation of the admin API.
pub fn operations() -> Vec<Operation> {
    let mut all = who();
    all.extend(token_operations());
    all.extend(routing_operations());
    all.extend(secret_operations());
    all.extend(provider_operations());
    all.extend(usage_operations());
    all.extend(conversation_operations());
    all.extend(cost_operations());
    all.extend(watch_operations());
    all
}

#[rustfmt::skip]
fn who() -> Vec<Operation> {
    use Needs::{Nothing, Token};
    const SESSIONS: &[Parameter] = &[search("only those with this text in id, token, address or browser"), CURSOR, LIMIT];
    const WHOSE: Parameter = ("token", Form::Text, "the id or name of a token below the calling one, gone or not; an admin may name any, or `*` for all");
    const USAGE: &[Parameter] = &[
        ("by", Form::Word(&["day", "model", "run", "session", "provider", "token", "agent"]), "what is summed up in one line; `day` without it"),
        ("since_ms", Form::Number(0, i64::MAX), "from this time on, in milliseconds since 1970; 30 days before the end without it"),
        ("until_ms", Form::Number(0, i64::MAX), "before this time; now without it"),
        ("time_zone", Form::Text, "by whose clocks days are told, such as `Europe/Berlin`; `UTC` without it"),
        WHOSE,
        ("step", Form::Word(&["five_minutes", "hour", "day", "week", "month"]), "also the whole over time, by stretches of this length"),
        ("limit", Form::Number(1, 1_000), "at most so many lines"),
    ];
    const RUNS: &[Parameter] = &[
        WHOSE,
        search("only those with this text in name, id or labels"),
        ("since_ms", Form::Number(0, i64::MAX), "only those that began at this time or later, in milliseconds since 1970"),
        CURSOR,
        ("limit", Form::Number(1, 200), "at most so many"),
    ];
    let own_usage: Vec<Parameter> = USAGE.iter().chain(usage::FILTERS.iter().filter(|(name, ..)| *name != "token")).copied().collect();
    let new = Operation::new;
    vec![
        new("GET", "/admin/api/openapi.json", Nothing, "This document.", get(openapi::handler)).gives::<Document>(200),
        new("GET", "/admin/api/setup", Nothing, "Says how the first admin token can be made from here.", get(setup::show)).gives::<SetupView>(200),
        new("POST", "/admin/api/setup", Nothing, "Makes the first admin token, as long as there is none.", post(setup::handler)).may_take::<SetupCreate>().gives::<SetupCreated>(201),
        new("POST", "/admin/api/login", Nothing, "Begins a session in a cookie, for the key of a token.", post(sessions::login::handler)).takes::<Login>().gives::<SessionView>(201),
        new("POST", "/admin/api/logout", Token, "Ends the session that the request comes with.", post(sessions::logout::handler)).ends(),
        new("GET", "/admin/api/sessions", Token, "Lists the sessions of the own token; for an admin, all.", get(sessions::list::handler)).asked(SESSIONS).gives::<SessionList>(200),
        new("DELETE", "/admin/api/sessions/{id}", Token, "Ends a session of the own token; for an admin, any.", delete(sessions::end::handler)).ends(),
        new("GET", "/admin/api/me", Token, "Who asks, what that token may still use, and what it has used today.", get(me::handler)).gives::<Me>(200),
        new("POST", "/admin/api/me/lease", Token, "Renews the lease of the calling token.", post(me::lease::renew)).gives::<LeaseView>(200),
        new("GET", "/admin/api/me/usage", Token, "What the calling token and those below it have used.", get(me::usage::handler)).asked(&own_usage).gives::<UsageOf>(200),
        new("GET", "/admin/api/me/runs", Token, "Lists the runs of the calling token and those below it, the newest first.", get(me::runs::list)).asked(RUNS).gives::<RunPage>(200),
        new("GET", "/admin/api/me/runs/{id}", Token, "Shows a run: what it used, by model and by session, and what was left of its budgets.", get(me::runs::show)).gives::<RunDetail>(200),
    ]
}

/// What every list takes.
const CURSOR: Parameter = ("cursor", Form::Text, "the `next` of the page before");
const LIMIT: Parameter = ("limit", Form::Number(1, 500), "at most so many");
const SINCE: Parameter = ("since_ms", Form::Number(0, i64::MAX), "from this time on, in milliseconds since 1970");
const UNTIL: Parameter = ("until_ms", Form::Number(0, i64::MAX), "before this time, in milliseconds since 1970");

const fn search(meaning: &'static str) -> Parameter {
    ("q", Form::Text, meaning)
}

#[rustfmt::skip]
fn token_operations() -> Vec<Operation> {
    use Needs::{Admin, Keymaster, Token};
    const LIST: &[Parameter] = &[
        ("all", Form::Switch, "also those that ended"),
        ("state", Form::Word(&["live", "expired", "revoked"]), "only in this state"),
        ("role", Form::Word(&["admin", "keymaster", "inferrer"]), "only of this role"),
        ("parent", Form::Text, "only those right below the token with this id or name"),
        search("only those with this text in name, id or labels"),
        ("sort", Form::Word(&["created", "name", "used", "expires"]), "what they are sorted by"),
        ("order", Form::Word(&["asc", "desc"]), "the smallest first, or the greatest"),
        CURSOR, LIMIT,
    ];
    const END: &[Parameter] = &[
        ("reason", Form::Word(&["finished", "revoked"]), "`finished`: the agent that the token was made for has ended; `revoked` otherwise"),
        ("exit", Form::Number(0, 255), "with `finished`: what the agent returned"),
        ("signal", Form::Number(1, 64), "with `finished`: the signal that the agent died of"),
    ];
    const TRAIL: &[Parameter] = &[
        ("actor", Form::Text, "who: `local owner`, `torod`, a token's id, or the name that it had"),
        ("action", Form::Text, "what was done; `token.` stands for all that begins so"),
        ("subject", Form::Text, "to what: an id or a name"),
        search("only those with this text in any of these, or in the detail"),
        SINCE, UNTIL, CURSOR, LIMIT,
    ];
    const LOG: &[Parameter] = &[
        ("level", Form::Word(&["error", "warn", "info", "debug", "trace"]), "only those of this importance or more"),
        ("target", Form::Text, "only from this part of the program, such as `request` or `torod::reload`"),
        ("request_id", Form::Text, "only those about this request"),
        search("only those with this text in message, fields or request"),
        SINCE, UNTIL, CURSOR,
        ("after", Form::Number(0, i64::MAX), "only those after the line with this number, such as the `last` of an answer; the oldest first"),
        LIMIT,
    ];
    let new = Operation::new;
    vec![
        new("GET", "/admin/api/tokens", Token, "Lists the tokens that may be seen, page by page.", get(tokens::list::handler)).asked(LIST).gives::<TokenPage>(200),
        new("POST", "/admin/api/tokens", Keymaster, "Makes a token and shows its key, once.", post(tokens::create::handler)).takes::<TokenCreate>().gives::<TokenCreated>(201),
        new("GET", "/admin/api/tokens/{which}", Token, "Shows a token and where it stands.", get(tokens::show::handler)).gives::<TokenDetail>(200).versioned(),
        new("PATCH", "/admin/api/tokens/{which}", Keymaster, "Changes a token at the version that body or `If-Match` names; what is absent stays, `null` clears.", patch(tokens::edit::handler)).takes::<TokenChange>().gives::<TokenDetail>(200).for_version().versioned(),
        new("DELETE", "/admin/api/tokens/{which}", Token, "Ends a token and all below it.", delete(tokens::revoke::handler)).asked(END).gives::<TokenRevoked>(200).for_version(),
        new("POST", "/admin/api/tokens/{which}/rotate", Keymaster, "Gives a token another key and shows it, once.", post(tokens::rotate::handler)).may_take::<TokenRotate>().gives::<TokenCreated>(200).for_version(),
        new("GET", "/admin/api/audit", Admin, "Lists who changed what, the newest first.", get(audit::list)).asked(TRAIL).gives::<AuditPage>(200),
        new("GET", "/admin/api/log", Admin, "Lists the last lines of the log, the newest first; with `after`, those that came since, the oldest first.", get(log::list)).asked(LOG).gives::<LogPage>(200),
        new("DELETE", "/admin/api/log", Admin, "Takes the kept lines of the log away.", delete(log::clear)).gives::<LogCleared>(200),
    ]
}

#[rustfmt::skip]
fn routing_operations() -> Vec<Operation> {
    use Needs::Admin;
    const QUESTION: &[Parameter] = &[
        ("model", Form::Text, "the model; goes before what the request says"),
        ("surface", Form::Text, "`chat`, `responses`, …; without it, the request's form tells"),
        ("session", Form::Text, "the session that an agent would name in a header"),
        ("token", Form::Text, "the id or name of the token that asks"),
    ];
    const LIST: &[Parameter] = &[search("only those with this text in the name, or in a target"), CURSOR, LIMIT];
    const MODELS: &[Parameter] = &[
        ("search", Form::Text, "only those with these words in name or id"),
        ("provider", Form::Text, "only those of this provider"),
        ("can", Form::Text, "only those that can all of this, such as `tools,vision`"),
        ("free", Form::Switch, "only those that cost nothing"),
        ("max_price", Form::Text, "only those whose million tokens cost at most so many US dollars, such as `2.5`"),
        ("sort", Form::Word(&["listed", "name", "price", "context", "output", "newest"]), "what they are sorted by"),
        CURSOR, LIMIT,
        ("form", Form::Word(&["codex"]), "as Codex's catalogue"),
    ];
    let new = Operation::new;
    vec![
        new("GET", "/admin/api/models", Admin, "Lists what this gateway can be asked for.", get(models::list)).asked(MODELS).gives::<ModelsView>(200).or("With `form=codex`: Codex's catalogue."),
        new("GET", "/admin/api/models/{id}", Admin, "Shows what is known of a model; a slash in its name is written `%2F`.", get(models::show)).gives::<ModelView>(200),
        new("GET", "/admin/api/config", Admin, "Shows what is in force, defaults included, without any secret.", get(config::show)).gives::<ConfigView>(200),
        new("GET", "/admin/api/aliases", Admin, "Lists what the file says of aliases, in every profile.", get(aliases::list)).asked(LIST).gives::<AliasPage>(200).versioned(),
        new("PUT", "/admin/api/aliases/{name}", Admin, "Writes an alias as a whole, a new one too, at the version that body or `If-Match` names.", put(aliases::put)).takes::<AliasPut>().gives::<SettingsChanged>(200).for_version().versioned(),
        new("DELETE", "/admin/api/aliases/{name}", Admin, "Removes an alias from the file.", delete(aliases::remove)).for_version().ends(),
        new("POST", "/admin/api/reload", Admin, "Reads the configuration file and every secret anew.", post(config::reload)).gives::<Reloaded>(200),
        new("GET", "/admin/api/routing", Admin, "Shows what aliases mean.", get(routing::show)).gives::<RoutingView>(200).versioned(),
        new("PATCH", "/admin/api/routing", Admin, "Changes the active profile.", patch(routing::change)).takes::<RoutingChange>().gives::<RoutingChanged>(200).for_version().versioned(),
        new("GET", "/admin/api/routes/explain", Admin, "Says who would get a request for a model.", get(routes::explain)).asked(QUESTION).gives::<RouteExplained>(200),
        new("POST", "/admin/api/routes/explain", Admin, "Says who would get this request of a client.", post(routes::explain_request)).asked(QUESTION).takes::<ClientRequest>().gives::<RouteExplained>(200),
        new("GET", "/admin/api/routes/{request_id}", Admin, "Says who got a request.", get(routes::show)).gives::<RouteDecision>(200),
    ]
}

#[rustfmt::skip]
fn usage_operations() -> Vec<Operation> {
    use Needs::Keymaster;
    const BY: Parameter = ("by", Form::Text, "what rows stand for: one or two of `provider`, `model`, `model_asked`, `token`, `subtree`, `run`, `session`, `agent`, `address`, `user_agent`, `credential`, `surface`, `client_protocol`, `status`, `outcome`, `error_class`, `stream`, `label:KEY`, with a comma between them; `model` without it");
    const STEP: Parameter = ("step", Form::Word(&["five_minutes", "hour", "day", "week", "month"]), "rows over time, by stretches of this length");
    const SORT: Parameter = ("sort", Form::Word(&["cost", "tokens", "requests", "attempts", "failures", "savings", "time"]), "what comes first");
    const MEASURE: Parameter = ("measure", Form::Word(&["cost", "tokens", "requests", "failures"]), "what is compared; `cost` without it");
    const ROWS: Parameter = ("limit", Form::Number(1, 1_000), "at most so many rows");
    const SPREAD: Parameter = ("spread", Form::Word(&["each", "total", "none"]), "of what it is told how its times are spread, which takes longest to find: of each row and of everything without it");
    const BEFORE: Parameter = ("before", Form::Switch, "`true`: the span before in place of this one, as far as this one has gone");
    const PAGE: Parameter = ("limit", Form::Number(1, 200), "at most so many");
    let new = Operation::new;
    let asked = usage::parameters;
    vec![
        new("GET", "/admin/api/usage", Keymaster, "Sums up what was used, by any two things and over time; a keymaster sees what lies below it.", get(usage::figures::handler)).asked(&asked(&[BY, STEP, SORT, SPREAD, BEFORE, ROWS])).gives::<Report>(200),
        new("GET", "/admin/api/usage/movers", Keymaster, "Says what rose and fell against the span before.", get(usage::movers::handler)).asked(&asked(&[BY, MEASURE, ROWS])).gives::<Movers>(200),
        new("GET", "/admin/api/usage/forecast", Keymaster, "Says what this month comes to; the span does not matter.", get(usage::forecast::handler)).asked(&asked(&[])).gives::<Forecast>(200),
        new("GET", "/admin/api/usage/cache", Keymaster, "Says what prompt caches saved, and what was written to them for nothing.", get(usage::cache::handler)).asked(&asked(&[BY, ROWS])).gives::<CacheReport>(200),
        new("GET", "/admin/api/usage/errors", Keymaster, "Says what failed, when last, and what to do.", get(usage::errors::handler)).asked(&asked(&[ROWS])).gives::<ErrorReport>(200),
        new("GET", "/admin/api/usage/requests", Keymaster, "Lists the requests behind the figures with their attempts, the newest first.", get(usage::requests::list)).asked(&asked(&[CURSOR, PAGE])).gives::<UsageRequests>(200),
        new("GET", "/admin/api/usage/requests/{id}", Keymaster, "Shows all that is known of a request, by our id of it or the client's own.", get(usage::requests::show)).gives::<UsageRequest>(200),
        new("GET", "/admin/api/usage/export", Keymaster, "Tells every attempt of a span, as comma-separated values or lines of JSON.", get(usage::export::handler)).asked(&asked(&[("form", Form::Word(&["csv", "json"]), "`csv` without it")])).gives_text(&usage::export::KINDS),
        new("GET", "/admin/api/usage/dimensions/{dimension}", Keymaster, "Lists the values that a filter can take, the most used first.", get(usage::dimensions::handler)).asked(&asked(&[search("only those with this text in value or name"), CURSOR, LIMIT])).gives::<DimensionPage>(200),
    ]
}

#[rustfmt::skip]
fn cost_operations() -> Vec<Operation> {
    use Needs::Admin;
    let new = Operation::new;
    vec![
        new("POST", "/admin/api/usage/reconcile", Admin, "Holds a provider's export of usage or costs against what is written down here.", post(reconcile::handler)).takes::<Reconcile>().gives::<Reconciled>(200),
        new("POST", "/admin/api/usage/reprice", Admin, "Reckons anew, step by step, what calls cost by the prices of today; with `write` in their place.", post(reprice::handler)).takes::<Reprice>().gives::<Repriced>(200),
    ]
}

#[rustfmt::skip]
fn secret_operations() -> Vec<Operation> {
    use Needs::Admin;
    const LIST: &[Parameter] = &[search("only those with this text in name or places"), CURSOR, LIMIT];
    let new = Operation::new;
    vec![
        new("GET", "/admin/api/secrets", Admin, "Lists the secrets of the store by name.", get(secrets::list)).asked(LIST).gives::<SecretPage>(200),
        new("PUT", "/admin/api/secrets/{name}", Admin, "Keeps a secret; nothing gives it out again.", put(secrets::put)).takes::<SecretPut>().gives::<SecretView>(200).for_version().versioned(),
        new("DELETE", "/admin/api/secrets/{name}", Admin, "Forgets a secret.", delete(secrets::remove)).gives::<SecretRemoved>(200).for_version(),
        new("POST", "/admin/api/secrets-key/rotate", Admin, "Seals every secret anew under a new key.", post(secrets::rotate)).gives::<SecretsRotated>(200),
    ]
}

#[rustfmt::skip]
fn provider_operations() -> Vec<Operation> {
    use Needs::Admin;
    const PRESETS: &[Parameter] = &[search("only those with this text in id or name"), CURSOR, LIMIT];
    const LIST: &[Parameter] = &[search("only those with this text in name, preset or URLs"), CURSOR, LIMIT];
    let new = Operation::new;
    vec![
        new("GET", "/admin/api/presets", Admin, "Lists the well-known providers, the most used first, and what each needs.", get(presets::list)).asked(PRESETS).gives::<PresetPage>(200),
        new("GET", "/admin/api/providers", Admin, "Lists the providers; keys by where they come from alone.", get(providers::list::handler)).asked(LIST).gives::<ProviderList>(200).versioned(),
        new("POST", "/admin/api/providers", Admin, "Adds a provider to the file, by its preset or its URL.", post(providers::add::handler)).takes::<ProviderCreate>().gives::<ProviderSummary>(201).for_version(),
        new("GET", "/admin/api/providers/{name}", Admin, "Shows a provider, and how its models stand.", get(providers::show::handler)).gives::<ProviderDetail>(200).versioned(),
        new("PATCH", "/admin/api/providers/{name}", Admin, "Changes a provider in the file, at the version that body or `If-Match` names.", patch(providers::change::handler)).takes::<ProviderChange>().gives::<SettingsChanged>(200).for_version().versioned(),
        new("DELETE", "/admin/api/providers/{name}", Admin, "Removes a provider from the file.", delete(providers::remove::handler)).ends().for_version(),
        new("PUT", "/admin/api/providers/{name}/key", Admin, "Gives a provider another key, at the version that body or `If-Match` names.", put(providers::key::handler)).takes::<KeyChange>().gives::<SettingsChanged>(200).for_version().versioned(),
        new("POST", "/admin/api/providers/{name}/keys", Admin, "Gives a provider one more key, beside those it has.", post(providers::keys::add)).takes::<KeyAdd>().gives::<SettingsChanged>(200).for_version().versioned(),
        new("DELETE", "/admin/api/providers/{name}/keys/{label}", Admin, "Takes a key from a provider, by its name, or its number where it has none.", delete(providers::keys::remove)).for_version().ends(),
        new("POST", "/admin/api/providers/{name}/enable", Admin, "Uses a provider again.", post(providers::switch::enable)).gives::<SettingsChanged>(200).for_version().versioned(),
        new("POST", "/admin/api/providers/{name}/disable", Admin, "Leaves a provider out.", post(providers::switch::disable)).gives::<SettingsChanged>(200).for_version().versioned(),
        new("POST", "/admin/api/providers/{name}/test", Admin, "Tries a provider with real calls.", post(providers::trial::handler)).may_take::<ProviderTest>().gives::<Tried>(200),
        new("GET", "/admin/api/settings", Admin, "Shows the settings with defaults and meanings.", get(settings::show)).gives::<Settings>(200).versioned(),
        new("PATCH", "/admin/api/settings", Admin, "Changes settings in the file, at the version that body or `If-Match` names.", patch(settings::change)).takes::<SettingsChange>().gives::<SettingsChanged>(200).for_version().versioned(),
    ]
}

#[rustfmt::skip]
fn conversation_operations() -> Vec<Operation> {
    use Needs::Admin;
    const INTERNAL: Parameter = ("internal", Form::Switch, "also what agents ask for themselves, such as titles");
    const LIST: &[Parameter] = &[
        search("only those in which all of these words were said; a \"phrase\" in quotes, `begin*`, `-without`"),
        ("token", Form::Text, "only those of the token with this id or name"),
        ("agent", Form::Text, "only those of this program"),
        ("model", Form::Text, "only those in which this model answered"),
        ("session", Form::Text, "only those of this session of an agent, or begun by it"),
        SINCE, UNTIL, INTERNAL, CURSOR, LIMIT,
    ];
    const SHOW: &[Parameter] = &[
        INTERNAL,
        ("system", Form::Switch, "with the instructions of each request"),
        CURSOR,
        ("limit", Form::Number(1, 200), "at most so many requests"),
    ];
    const EXPORT: &[Parameter] = &[("form", Form::Word(&["json", "markdown"]), "in which form"), INTERNAL];
    let new = Operation::new;
    vec![
        new("GET", "/admin/api/conversations", Admin, "Lists and searches conversations, the latest first.", get(conversations::list::handler)).asked(LIST).gives::<ConversationPage>(200),
        new("DELETE", "/admin/api/conversations", Admin, "Removes every conversation.", delete(conversations::remove::all)).gives::<ConversationsRemoved>(200),
        new("GET", "/admin/api/conversations/{id}", Admin, "Shows what was said in a conversation.", get(conversations::show::handler)).asked(SHOW).gives::<ConversationDetail>(200),
        new("DELETE", "/admin/api/conversations/{id}", Admin, "Removes a conversation.", delete(conversations::remove::one)).gives::<ConversationsRemoved>(200),
        new("GET", "/admin/api/conversations/{id}/export", Admin, "Gives out all of a conversation.", get(conversations::export::handler)).asked(EXPORT).gives::<ConversationDetail>(200).or("With `form=markdown`: Markdown."),
        new("GET", "/admin/api/exchanges/{request_id}/wire", Admin, "Shows what went over the wire for a request of a token that is inspected.", get(conversations::wire::handler)).gives::<WireView>(200),
        new("GET", "/admin/api/exchanges/{request_id}/images/{sha256}", Admin, "Gives out an image that was sent with a kept request.", get(conversations::image::handler)).gives_text(&crate::conversations::images::KINDS),
        new("POST", "/admin/api/exchanges/{request_id}/replay", Admin, "Sends a kept request to another model and compares the answers; it is billed like any request.", post(conversations::replay::handler)).takes::<ReplayAsk>().gives::<ReplayView>(200),
    ]
}

#[rustfmt::skip]
fn watch_operations() -> Vec<Operation> {
    use Needs::{Admin, Token};
    const QUOTAS: &[Parameter] = &[("provider", Form::Text, "only those of this provider"), search("only those with this text in the provider's name"), CURSOR, LIMIT];
    const ALERTS: &[Parameter] = &[
        ("state", Form::Word(&["firing", "resolved"]), "only in this state"),
        ("kind", Form::Word(&["quota_low", "quota_exhausted", "budget", "provider_down", "price_unknown", "usage_lost"]), "only of this kind"),
        CURSOR, LIMIT,
    ];
    const ENDPOINTS: &[Parameter] = &[
        ("provider", Form::Text, "only those of this provider"),
        ("state", Form::Word(&["shut", "open"]), "only those that are left alone for a while, or only the others"),
        search("only those with this text in provider, model or state"),
        CURSOR, LIMIT,
    ];
    const LIVE: &[Parameter] = &[("topics", Form::Text, "what is told of, with commas between: `usage`, `providers`, `quotas`, `alerts`, `log`, `config`; without it all that may be seen but `log`")];
    let new = Operation::new;
    vec![
        new("GET", "/admin/api/live", Token, "Tells what happens as it happens, as server-sent events; who is no admin hears of its own usage and that of the tokens below it. Nothing is kept for who was away: on `hello` ask for all that is shown.", get(live::handler)).asked(LIVE).tells(vec![
            ("hello", Shape::of::<LiveHello>()),
            ("usage", Shape::of::<LiveUsage>()),
            ("providers", Shape::of::<LiveProviders>()),
            ("quotas", Shape::of::<LiveQuotas>()),
            ("alerts", Shape::of::<LiveAlerts>()),
            ("log", Shape::of::<LiveLog>()),
            ("config", Shape::of::<LiveConfig>()),
            ("missed", Shape::of::<LiveMissed>()),
            ("end", Shape::of::<LiveEnd>()),
        ]),
        new("GET", "/admin/api/status", Admin, "Says how the gateway stands: what runs, where it listens, what it keeps, what is wrong.", get(status::handler)).gives::<GatewayStatus>(200),
        new("GET", "/admin/api/network", Admin, "Says where the gateway listens, and which change of that is tried.", get(network::show)).versioned().gives::<NetworkView>(200),
        new("POST", "/admin/api/network/trial", Admin, "Tries a change of where the gateway listens and of its TLS beside what is there; it is taken back unless it is confirmed by the new way in time.", post(network::begin)).takes::<NetworkChange>().for_version().gives::<NetworkTrial>(202),
        new("DELETE", "/admin/api/network/trial", Admin, "Takes back what is tried.", delete(network::withdraw)).ends(),
        new("POST", "/admin/api/network/trial/confirm", Admin, "Has what is tried hold; it must be sent by the new way.", post(network::confirm)).versioned().gives::<SettingsChanged>(200),
        new("POST", "/admin/api/tls/renew", Admin, "Has another certificate made, read or ordered, although the one that is shown is good.", post(tls::renew)).gives::<TlsRenewal>(200),
        new("GET", "/admin/api/endpoints", Admin, "Lists everything that can be tried, and how it stands: breakers, speed, calls.", get(endpoints::list)).asked(ENDPOINTS).gives::<EndpointPage>(200),
        new("POST", "/admin/api/endpoints/reset", Admin, "Has what was left alone for a while be called again at once.", post(endpoints::reset)).takes::<EndpointReset>().gives::<EndpointsReset>(200),
        new("GET", "/admin/api/quotas", Admin, "Lists what providers have left, as far as it is known.", get(quotas::list)).asked(QUOTAS).gives::<QuotaPage>(200),
        new("POST", "/admin/api/quotas/refresh", Admin, "Asks vendors what is left, where they answer that for nothing.", post(quotas::refresh)).may_take::<QuotaRefresh>().gives::<QuotaRefreshed>(200),
        new("GET", "/admin/api/alerts", Admin, "Lists what somebody should know, the newest first.", get(alerts::list)).asked(ALERTS).gives::<AlertPage>(200),
        new("POST", "/admin/api/alerts/{id}/acknowledge", Admin, "Notes that somebody has seen an alert.", post(alerts::acknowledge)).gives::<AlertView>(200),
        new("POST", "/admin/api/alerts/test", Admin, "Sends every webhook a trial.", post(alerts::test)).gives::<AlertTested>(200),
    ]
}
