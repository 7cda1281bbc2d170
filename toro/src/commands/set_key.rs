//! `toro set-key`: another token for a gateway that is stored.

use std::io::Read as _;

use clap::Args;
use tokenrouter_shared::Secret;

use super::{Context, connect, prompt};
use crate::client::Client;
use crate::exit::{Exit, Failure};
use crate::profile::Entry;

/// No key is longer.
const MAX_KEY: u64 = 4096;

/// Store another token for a gateway, from standard input or a prompt.
///
/// It is never an argument, since others can read those and shells remember them.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  toro set-key\n  pass show work/tokenrouter | toro set-key --server work")]
pub struct SetKey {
    /// Store it without asking the gateway whether it is good.
    #[arg(long)]
    no_check: bool,
}

impl SetKey {
    /// Stores it.
    pub fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let profile = context.profile()?;
        let named = context.globals.server.as_deref().or_else(|| profile.default_name()).map(str::to_owned);
        let Some((name, url)) = named.and_then(|name| profile.url_of(&name).map(|url| (name.clone(), url.to_owned())))
        else {
            let failure = Failure::new(Exit::Unconfigured, "no such gateway is stored", "Run `toro connect` first.");
            return Err(failure);
        };
        let address =
            url.parse().map_err(|e| Failure::new(Exit::Unconfigured, format!("{e}"), "Run `toro connect` again."))?;
        let key = read_key(context, "Token", "It is not shown; `torod token create` makes one")?;
        let fingerprint = profile.fingerprint_of(&name);
        if !self.no_check {
            let client = Client::to(&address, Some(key.clone()), fingerprint.as_ref())?;
            connect::introduce(context, &name, &client)?;
        }
        profile.store(Entry { name: &name, address: &address, key: Some(&key), fingerprint: fingerprint.as_ref() })?;
        context.printer.say(&format!("Stored for `{name}` in {}.", profile.path().display()));
        Ok(Exit::Done)
    }
}

/// A key: asked for on a terminal, else all of standard input.
pub(super) fn read_key(context: &Context, question: &str, help: &str) -> Result<Secret, Failure> {
    let none = || Failure::unclear("no token was given", "Pipe it to standard input, or run this on a terminal.");
    if context.may_ask() {
        return prompt::secret(question, help)?.ok_or_else(none);
    }
    let mut text = String::new();
    std::io::stdin().take(MAX_KEY).read_to_string(&mut text)?;
    let text = Secret::new(text);
    let key = text.expose().trim();
    if key.is_empty() {
        return Err(none());
    }
    if key.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(Failure::unclear("that is more than one token", "Give the token alone."));
    }
    Ok(Secret::from(key))
}
