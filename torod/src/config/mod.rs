//! `torod.toml`: one section one file, defaults and checks beside the struct; all problems are reported at once.

mod account;
mod address;
mod admin;
mod alerts;
mod alias;
mod auto;
mod conversations;
mod credential;
pub mod draft;
pub mod edit;
mod egress;
pub mod environment;
mod examined;
mod field;
mod file;
mod finding;
mod first_run;
mod grant;
mod header;
#[cfg(test)]
mod hostile;
mod launch;
mod layers;
mod limits;
mod listen;
mod log;
mod model;
pub mod origin;
mod own;
mod paths;
mod preset;
mod prices;
mod printed;
mod provider;
pub mod reference;
mod report;
mod resolve;
mod responses;
mod routing;
mod section;
mod server;
pub mod settings;
mod show;
mod show_preset;
mod shutdown;
mod syntax;
mod telemetry;
#[cfg(test)]
mod tests;
mod tls;
mod tokens;
mod unavailable;
mod units;
mod usage;
mod vault;
mod view;
mod watch;
#[cfg(test)]
mod wording;
#[cfg(test)]
mod wording_keys;
#[cfg(test)]
mod wording_presets;
#[cfg(test)]
mod wording_routing;

use std::net::SocketAddr;

use tokenrouter::catalog::Presets;
use tokenrouter_shared::Lossy;
use toml::de::DeTable;

pub use admin::{Admin, PublicUrl, split_port};
pub use alerts::{Alerts, Webhook};
pub use alias::{Alias, AliasConfig, Target, TargetConfig};
pub use auto::{Auto, Router};
pub use conversations::{Conversations, pattern};
pub use credential::{CredentialConfig, SecretCommand, SecretSource};
pub use egress::{Denial, Egress};
pub use environment::Environment;
pub use examined::Examined;
use field::Field;
pub use file::{ConfigError, examine_file, examine_paths, examine_text_of, load, load_paths, write_new};
pub use finding::{Finding, Severity};
pub use first_run::{Detected, FoundKey, FoundServer, first_run};
pub use grant::{ClientAuth, GrantConfig};
pub use launch::{ConfigFile, Overrides};
pub use layers::examine_with;
pub use limits::Limits;
pub use listen::Listen;
pub use log::{Log, LogFormat, LogLevel};
pub use model::{ModelConfig, PriceConfig};
pub use paths::{NoPlace, Paths};
pub use prices::Prices;
pub use printed::{Fetched, expiry_ms, token_expiry_ms};
pub use provider::{NAME_RULE, ProviderConfig, is_name, without_operation};
use report::Report;
pub use resolve::{SecretError, resolve_key, resolve_secret};
pub use responses::Responses;
pub use routing::{Breaker, Routing};
use section::Section;
pub use section::{closest, shorten};
pub use server::Server;
pub use show::{show, show_provider};
pub use shutdown::Shutdown;
pub use telemetry::{Telemetry, endpoint as otlp_endpoint};
pub use tls::{AcmeChallenge, Tls, TlsMode};
pub use tokens::Tokens;
pub use usage::Usage;
pub use vault::{NoVault, SECRET_NAME_RULE, StoredSecret, Vault, is_secret_name, origin_of};
pub use view::{alias_view, summary, view, view_preset, view_provider};
pub use watch::Watch;

/// The whole configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where torod listens.
    pub listen_addr: SocketAddr,
    /// Who gets a request whose model no provider lists.
    pub default_provider: Option<String>,
    /// Which targets of the aliases hold; none: those without a profile.
    pub active_model_profile: Option<String>,
    /// Whether programs on this machine may use inference without a token.
    pub allow_localhost_no_auth: bool,
    /// Whether model servers on their usual ports of this machine are found and used.
    pub auto_detect_local_servers: bool,
    /// Whether providers that serve without a key are used.
    pub auto_enable_public_free_models: bool,
    /// What becomes of requests that lose something on the way to another protocol.
    pub lossy: Lossy,
    /// Well-known providers, with those that the operator describes.
    pub presets: Presets,
    /// In the order of the file.
    pub providers: Vec<ProviderConfig>,
    /// In the order of the file.
    pub model_aliases: Vec<AliasConfig>,
    /// How an endpoint is chosen among those that fit.
    pub routing: Routing,
    /// Which model serves a request for a virtual one.
    pub auto: Auto,
    /// How much is taken on at once.
    pub limits: Limits,
    /// Where torod may connect to.
    pub egress: Egress,
    /// How torod ends.
    pub shutdown: Shutdown,
    /// What is written to the log.
    pub log: Log,
    /// How tokens are kept.
    pub tokens: Tokens,
    /// How usage is kept.
    pub usage: Usage,
    /// How answers are kept that later requests continue.
    pub responses: Responses,
    /// Whether and how conversations are kept.
    pub conversations: Conversations,
    /// What models of unknown price are taken to cost.
    pub prices: Prices,
    /// What somebody is told of.
    pub alerts: Alerts,
    /// Where it listens besides, and who may speak for others.
    pub server: Server,
    /// Whether it speaks TLS.
    pub tls: Tls,
    /// Who reaches the admin pages, and for how long.
    pub admin: Admin,
    /// What other programs are told of how it does.
    pub telemetry: Telemetry,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen_addr: SocketAddr::from(([127, 0, 0, 1], 8080)),
            default_provider: None,
            active_model_profile: None,
            allow_localhost_no_auth: true,
            auto_detect_local_servers: true,
            auto_enable_public_free_models: false,
            lossy: Lossy::Warn,
            presets: Presets::default(),
            providers: Vec::new(),
            model_aliases: Vec::new(),
            routing: Routing::default(),
            auto: Auto::default(),
            limits: Limits::default(),
            egress: Egress::default(),
            shutdown: Shutdown::default(),
            log: Log::default(),
            tokens: Tokens::default(),
            usage: Usage::default(),
            responses: Responses::default(),
            conversations: Conversations::default(),
            prices: Prices::default(),
            alerts: Alerts::default(),
            server: Server::default(),
            tls: Tls::default(),
            admin: Admin::default(),
            telemetry: Telemetry::default(),
        }
    }
}

/// Reads a configuration; `name` is the file's name for messages. Every error and warning comes back at once;
/// warnings alone are left out, [`examine`] keeps them.
pub fn parse(text: &str, name: &str) -> Result<Config, Vec<Finding>> {
    let examined = examine(text, name);
    if examined.has_errors() { Err(examined.findings) } else { Ok(examined.config) }
}

/// Reads a configuration and keeps all that was found.
pub fn examine(text: &str, name: &str) -> Examined {
    let report = Report::new(name, text);
    let config = read(text, &report);
    Examined::new(config, report)
}

fn read(text: &str, report: &Report<'_>) -> Config {
    let (table, errors) = DeTable::parse_recoverable(text);
    syntax::explain(text, &errors, report);
    if !errors.is_empty() {
        // What was recovered is not what was meant: more findings would only mislead.
        return Config::default();
    }
    Config::read(Section::new(report, String::new(), String::new(), table.get_ref(), table.span()))
}

impl Config {
    fn read(mut section: Section<'_>) -> Self {
        let mut config = Self::default();
        if let Some(field) = section.take("listen_addr")
            && let Some(text) = field.string()
        {
            match text.parse() {
                Ok(address) => config.listen_addr = address,
                Err(_) => field.refuse(
                    format!("`{}` is no address with a port", shorten(text)),
                    "write \"127.0.0.1:8080\", or \"0.0.0.0:8080\" for every network",
                ),
            }
        }
        section.set_bool("allow_localhost_no_auth", &mut config.allow_localhost_no_auth);
        section.set_bool("auto_detect_local_servers", &mut config.auto_detect_local_servers);
        section.set_bool("auto_enable_public_free_models", &mut config.auto_enable_public_free_models);
        if let Some(field) = section.take("lossy")
            && let Some(text) = field.string()
        {
            match text.parse() {
                Ok(lossy) => config.lossy = lossy,
                Err(e) => field.refuse(format!("`{}` is not known", shorten(text)), e.to_string()),
            }
        }
        if let Some(egress) = section.section("egress") {
            config.egress = Egress::read(egress);
        }
        // Every URL of the file is held against it.
        section.report.set_egress(&config.egress);
        if let Some(admin) = section.section("admin") {
            config.admin = Admin::read(admin);
        }
        if let Some(server) = section.section("server") {
            config.server = Server::read(server);
        }
        if let Some(tls) = section.section("tls") {
            config.tls = Tls::read(tls);
        }
        config.presets = preset::read_all(&mut section);
        if let Some(field) = section.take("providers") {
            let mut names = Vec::new();
            for element in field.elements("an array of tables (`[[providers]]`)") {
                let Some(provider) = element.section() else { continue };
                let provider = ProviderConfig::read(provider, &names, &config.presets);
                own::check(&config, &provider, &element);
                names.push(provider.name.clone());
                config.providers.push(provider);
                element.report.provider_read();
            }
        }
        config.read_default_provider(&mut section);
        let aliases = section.take("model_aliases");
        if let Some(field) = &aliases {
            alias::read_all(field, &mut config);
        }
        if let Some(field) = section.take("active_model_profile") {
            alias::read_profile(&field, aliases.as_ref(), &mut config);
        }
        if let Some(routing) = section.section("routing") {
            config.routing = Routing::read(routing);
        }
        if let Some(auto) = section.section("auto") {
            config.auto = Auto::read(auto, &config.providers, &config.model_aliases);
        }
        if let Some(limits) = section.section("limits") {
            config.limits = Limits::read(limits);
        }
        if let Some(shutdown) = section.section("shutdown") {
            config.shutdown = Shutdown::read(shutdown);
        }
        if let Some(log) = section.section("log") {
            config.log = Log::read(log);
        }
        if let Some(tokens) = section.section("tokens") {
            config.tokens = Tokens::read(tokens);
        }
        if let Some(usage) = section.section("usage") {
            config.usage = Usage::read(usage);
        }
        if let Some(responses) = section.section("responses") {
            config.responses = Responses::read(responses);
        }
        if let Some(conversations) = section.section("conversations") {
            config.conversations = Conversations::read(conversations);
        }
        if let Some(prices) = section.section("prices") {
            config.prices = Prices::read(prices);
        }
        if let Some(alerts) = section.section("alerts") {
            config.alerts = Alerts::read(alerts);
        }
        if let Some(telemetry) = section.section("telemetry") {
            config.telemetry = Telemetry::read(telemetry);
        }
        section.finish();
        config
    }

    /// Every address that it would listen at.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let besides = self.server.listen.iter().chain(&self.server.admin_listen).filter_map(Listen::addr);
        std::iter::once(self.listen_addr).chain(besides).collect()
    }

    fn read_default_provider(&mut self, section: &mut Section<'_>) {
        let Some(field) = section.take("default_provider") else { return };
        let Some(name) = field.string() else { return };
        self.check_provider(&field, name, "`default_provider` names no provider", "default provider");
        self.default_provider = Some(name.to_owned());
    }

    /// Notes where `name` is no provider, or one that is switched off; `what` it is called then.
    fn check_provider(&self, field: &Field<'_>, name: &str, message: &str, what: &str) {
        // A server on this machine may be found later under the name of its preset, and so may one without a key.
        let later = self.presets.all().filter(|preset| preset.id == name).any(|preset| {
            (self.auto_detect_local_servers && preset.local_port.is_some())
                || (self.auto_enable_public_free_models && preset.public)
        });
        let named = self.providers.iter().find(|provider| provider.name == name);
        if named.is_none() && !later {
            let names = self.providers.iter().map(|provider| provider.name.as_str());
            let advice = match closest(name, names.clone()) {
                Some(known) => format!("did you mean \"{known}\"?"),
                None if self.providers.is_empty() => "add a `[[providers]]` table with this name".to_owned(),
                None => format!("write one of: {}", names.collect::<Vec<_>>().join(", ")),
            };
            field.refuse(format!("{message}: `{}`", shorten(name)), advice);
        } else if named.is_some_and(|provider| !provider.enabled) {
            field.doubt(format!("the {what} `{name}` is disabled"), "set `enabled = true` there, or name another");
        }
    }
}
