//! `toro connect`: finds a gateway, checks it, and stores how to reach it.

mod found;

use std::io::IsTerminal as _;

use clap::Args;
use http::{HeaderMap, Method};
use serde::Deserialize;
use tokenrouter_shared::limits::BudgetUnit;
use tokenrouter_shared::money::dollars;
use tokenrouter_shared::session::Me;
use tokenrouter_shared::{Role, Secret};

use self::found::Found;
use super::{Context, prompt, set_key};
use crate::client::address::Address;
use crate::client::fingerprint::Fingerprint;
use crate::client::{Client, ClientError, block_on};
use crate::exit::{Exit, Failure};
use crate::printer::{counted, plain, span};
use crate::profile::{Entry, Profile};

/// Find a gateway, check it, and store how to reach it.
///
/// Without a URL it looks for a torod on this machine first, and as the owner of its data folder makes itself a token. The
/// token is asked for, read from standard input, or taken from `TORO_KEY`; it is never an argument.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  toro connect\n  toro connect https://gateway.example.com\n  \
                        pass show work/key | toro connect --server work https://10.0.0.5:8443 --fingerprint sha256:2D71…")]
pub struct Connect {
    /// Where the gateway is, with or without /v1.
    url: Option<String>,
    /// The SHA-256 fingerprint of its self-signed certificate: no other one is believed.
    #[arg(long, value_name = "SHA256")]
    fingerprint: Option<Fingerprint>,
}

impl Connect {
    /// Does it.
    pub fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let profile = context.profile()?;
        let found = self.find(context, &profile)?;
        let address = found.address.clone();
        let name = context.globals.server.clone().unwrap_or_else(|| name_for(&address));
        check_name(&name)?;
        if !address.is_https() && !address.is_loopback() {
            context.printer.warn(&format!(
                "{address} is not encrypted: whoever sees the network sees the token and all that is said"
            ));
        }
        let fingerprint = self.trusted(context, &profile, &name, &address)?;
        let to = |key: Option<Secret>| Client::to(&address, key, fingerprint.as_ref());
        let key = key(context, &profile, &name, &found, &to)?;
        introduce(context, &name, &to(Some(key.clone()))?)?;
        profile.store(Entry { name: &name, address: &address, key: Some(&key), fingerprint: fingerprint.as_ref() })?;
        context.printer.say(&format!("Stored as `{name}` in {}, readable by you alone.", profile.path().display()));
        Ok(Exit::Done)
    }

    /// Where the gateway is: as said, else on this machine, else as answered.
    fn find(&self, context: &Context, profile: &Profile) -> Result<Found, Failure> {
        let read = |text: &str| text.parse::<Address>().map_err(|e| Failure::unclear(e.to_string(), ""));
        let stored = context.globals.server.as_deref().and_then(|name| profile.url_of(name));
        if let Some(url) = self.url.as_deref().or(stored) {
            let address = read(url)?;
            // The owner of a local daemon needs no token for it.
            let socket = if address.is_loopback() {
                found::look(context.env)?.filter(|local| local.address.port() == address.port())
            } else {
                None
            };
            return Ok(Found { address, socket: socket.and_then(|local| local.socket) });
        }
        if let Some(found) = found::look(context.env)? {
            context.printer.say(&format!("Found a gateway on this machine: {}", found.address));
            return Ok(found);
        }
        if !context.may_ask() {
            let advice = "Say where it is: toro connect URL. Or start one here: torod serve.";
            return Err(Failure::new(Exit::Unreachable, "no gateway runs on this machine", advice));
        }
        let answer = prompt::text_or("Where is the gateway?", "http://127.0.0.1:8080", "Its URL, with or without /v1")?;
        Ok(Found { address: read(&answer)?, socket: None })
    }

    /// The certificate to believe: the one that was named, that was stored, or that is agreed to now.
    fn trusted(
        &self,
        context: &Context,
        profile: &Profile,
        name: &str,
        address: &Address,
    ) -> Result<Option<Fingerprint>, Failure> {
        if !address.is_https() {
            return match self.fingerprint {
                Some(_) => Err(Failure::unclear(
                    format!("{address} shows no certificate, since it is http"),
                    "Write https://.",
                )),
                None => Ok(None),
            };
        }
        if self.fingerprint.is_some() {
            return Ok(self.fingerprint);
        }
        let stored = profile.fingerprint_of(name);
        let checked = block_on(async { version(&Client::to(address, None, stored.as_ref())?).await })?;
        let why = match checked {
            Ok(_) => return Ok(stored),
            Err(ClientError::Foreign { .. }) => "it is another one than the one that was stored".to_owned(),
            Err(ClientError::Untrusted { why, .. }) => why,
            Err(other) => return Err(other.into()),
        };
        let shown = block_on(Client::seen_fingerprint(address))??;
        if !context.may_ask() {
            let advice =
                format!("If the gateway itself says that it is\n  {shown}\nrun this with --fingerprint {shown}");
            return Err(Failure::new(
                Exit::Unreachable,
                format!("the certificate of {address} is not trusted: {why}"),
                advice,
            ));
        }
        context.printer.warn(&format!(
            "the certificate of {address} is not trusted by itself: {why}. Its fingerprint is\n  {shown}"
        ));
        if prompt::confirm("Is that what the gateway says of itself (in its log at start)?", false)? {
            return Ok(Some(shown));
        }
        Err(Failure::new(
            Exit::Unreachable,
            "given up: nothing was stored",
            "Ask whoever runs the gateway for its fingerprint.",
        ))
    }
}

/// The token: told, stored and still good, made as the owner, or asked for.
fn key(
    context: &Context,
    profile: &Profile,
    name: &str,
    found: &Found,
    to: &dyn Fn(Option<Secret>) -> Result<Client, ClientError>,
) -> Result<Secret, Failure> {
    if let Some(key) = (context.env)("TORO_KEY") {
        return Ok(Secret::from(key.trim()));
    }
    let is_piped = !std::io::stdin().is_terminal();
    if is_piped && let Ok(key) = set_key::read_key(context, "", "") {
        return Ok(key);
    }
    let is_same =
        profile.url_of(name).and_then(|url| url.parse().ok()).is_some_and(|url: Address| url == found.address);
    if is_same
        && let Ok(server) = profile.server(Some(name), context.env)
        && block_on(to(Some(server.key.clone()))?.get::<Me>("/admin/api/me"))?.is_ok()
    {
        return Ok(server.key);
    }
    if let Some(socket) = &found.socket {
        let key = block_on(found::make_token(socket))??;
        context.printer.say("Made a token of role keymaster, as the owner of the gateway's data folder.");
        return Ok(key);
    }
    if is_piped {
        let advice = "Pipe it to standard input, or set TORO_KEY.";
        return Err(Failure::unclear("no token was given, and nobody is there to be asked", advice));
    }
    set_key::read_key(context, "Token", "It is not shown; `torod token create --role keymaster` makes one")
}

/// What a gateway is called where nobody said.
fn name_for(address: &Address) -> String {
    if address.is_loopback() { "local".to_owned() } else { address.host().to_owned() }
}

fn check_name(name: &str) -> Result<(), Failure> {
    let is_plain = |c: char| c.is_alphanumeric() || "-_.:".contains(c);
    if !name.is_empty() && name.chars().count() <= 100 && name.chars().all(is_plain) {
        return Ok(());
    }
    Err(Failure::unclear("a gateway's name has letters, digits and - _ . alone", "Choose another one: --server NAME."))
}

#[derive(Deserialize)]
struct Health {
    version: String,
}

/// The gateway's version, which it tells everybody.
async fn version(client: &Client) -> Result<String, ClientError> {
    // Also one that cannot serve says who it is.
    let answer = client.send(Method::GET, "/health", HeaderMap::new(), bytes::Bytes::new()).await?;
    answer.json::<Health>().await.map(|health| health.version)
}

/// Checks a gateway and a key, and says what they are.
pub(super) fn introduce(context: &Context, name: &str, client: &Client) -> Result<(), Failure> {
    let asked = block_on(async {
        let version = version(client).await?;
        let me: Me = client.get("/admin/api/me").await?;
        Ok::<_, ClientError>((version, me))
    })?;
    let (version, me) = asked?;
    if context.printer.is_json() {
        let address = client.address().to_string();
        return context
            .printer
            .json(&serde_json::json!({ "server": name, "url": address, "version": version, "me": me }));
    }
    let may = match me.role {
        Role::Admin => "administer the gateway, make tokens of every role, and use models",
        Role::Keymaster => "make tokens below itself (each run gets its own), and use models",
        Role::Inferrer => "use models; it cannot make a token for a run, so runs need --own-token",
    };
    let now_ms = context.clock.now_ms();
    let ends = me.expires_ms.map(|end| u64::try_from(end - now_ms).unwrap_or(0));
    let ends = ends.map_or_else(|| "never ends by itself".to_owned(), |left| format!("ends in {}", span(left)));
    context.printer.line(&format!("gateway  {} (torod {})", client.address(), plain(&version)))?;
    context.printer.line(&format!("token    {} ({}), {ends}", plain(&me.name), me.role))?;
    context.printer.line(&format!("may      {may}"))?;
    for budget in &me.budgets {
        let (left, limit) = match budget.unit {
            BudgetUnit::UsdNanos => (dollars(budget.remaining), dollars(budget.limit)),
            BudgetUnit::Requests => (counted(budget.remaining, "request"), counted(budget.limit, "request")),
            BudgetUnit::Tokens => (counted(budget.remaining, "token"), counted(budget.limit, "token")),
        };
        context.printer.line(&format!("budget   {left} left of {limit}"))?;
    }
    Ok(())
}
