//! `torod provider login|logout`: a person signs in at a provider's token server, in a browser on any machine.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use super::standing::moment;
use super::{find, load_paths, print_json, tell_gateway, trying};
use crate::clock::Clock;
use crate::commands::Exit;
use crate::config::{GrantConfig, Paths, ProviderConfig};
use crate::store::{SignIn, SignInName};
use crate::upstreams::key_source::{self, KeySource};
use crate::upstreams::oauth::device::Invitation;

/// Sign in.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  torod provider login work\n  torod provider login work --key team-a --json\n\nFor keys with `device` in torod.toml, with your own client id. It prints a page and a code, waits until the code\nwas entered there, and opens nothing. A running gateway uses the sign-in at once and renews it by itself.\nRun it as the user that the gateway runs as. Ctrl-C gives it up; nothing is written then."
)]
pub(super) struct Login {
    /// The provider's name.
    name: String,
    /// Which of its keys, where several are signed in to: its name or its number.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Print JSON: a line with the page and the code, and one at the end.
    #[arg(long)]
    json: bool,
}

/// Sign out.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  torod provider logout work\n\nThe sign-in is forgotten here; at the token server it may live on until it expires."
)]
pub(super) struct Logout {
    /// The provider's name.
    name: String,
    /// Which of its keys, where several are signed in to: its name or its number.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Invited<'a> {
    provider: &'a str,
    key: &'a str,
    verification_uri: &'a str,
    verification_uri_complete: Option<&'a str>,
    user_code: &'a str,
    expires_in_s: u64,
}

#[derive(Serialize)]
struct Done<'a> {
    provider: &'a str,
    key: &'a str,
    signed_in: bool,
    expires_ms: Option<i64>,
    renews_itself: bool,
    gateway_told: bool,
}

impl Login {
    pub(super) async fn run(self, paths: &Paths, out: &mut (dyn Write + Send), clock: &Clock) -> anyhow::Result<Exit> {
        let config = load_paths(paths)?;
        let provider = find(&config, &self.name)?;
        let (source, name) = chosen(provider, self.key.as_deref())?;
        let grant = source.grant().context("it has no token server")?;
        let world = trying::world(&paths.data_dir, clock)?;
        let server = key_source::server(grant, &world).await?;
        let label = || format!("{}: asking for a code …", provider.name);
        let invitation = trying::with_sign_of_life(server.invite(), !self.json, &label).await??;
        self.invite(out, &source, grant, &invitation)?;
        let began_ms = clock.now_ms();
        let label = || {
            let waited = Duration::from_millis(u64::try_from(clock.now_ms().saturating_sub(began_ms)).unwrap_or(0));
            let left_s = invitation.life.saturating_sub(waited).as_secs();
            format!("waiting for {} to be entered, {} s left; Ctrl-C gives up", invitation.user_code, left_s)
        };
        let work = server.sign_in(&invitation, async |wait| tokio::time::sleep(wait).await);
        let tokens = trying::with_sign_of_life(work, !self.json, &label).await??;
        let sign_in = SignIn {
            access: tokens.access,
            expires_ms: tokens.expires_ms,
            refresh: tokens.refresh,
            since_ms: clock.now_ms(),
        };
        let (expires_ms, renews_itself) = (sign_in.expires_ms, sign_in.refresh.is_some());
        let sign_ins = Arc::clone(&world.sign_ins);
        let written = tokio::task::spawn_blocking(move || sign_ins.write(&sign_ins.lock(&name)?, &sign_in)).await;
        written?.context("the sign-in cannot be kept")?;
        let gateway_told = tell_gateway(&paths.data_dir).await.unwrap_or(false);
        if self.json {
            let (provider, key) = (source.provider.as_str(), source.label.as_str());
            let done = Done { provider, key, signed_in: true, expires_ms, renews_itself, gateway_told };
            print_json(out, &done)?;
            return Ok(Exit::Done);
        }
        let lasts = match (expires_ms, renews_itself) {
            (_, true) => "it renews itself".to_owned(),
            (Some(ms), false) => format!("it holds until {} and cannot be renewed: sign in again then", moment(ms)),
            (None, false) => "the server does not say how long it holds".to_owned(),
        };
        writeln!(out, "Signed in to `{}`; {lasts}.", source.provider)?;
        if gateway_told {
            writeln!(out, "The running gateway uses it from now on.")?;
        }
        Ok(Exit::Done)
    }

    fn invite(
        &self,
        out: &mut (dyn Write + Send),
        source: &KeySource,
        grant: &GrantConfig,
        invitation: &Invitation,
    ) -> anyhow::Result<()> {
        let Invitation { url, complete_url, user_code, life, .. } = invitation;
        if self.json {
            let invited = Invited {
                provider: &source.provider,
                key: &source.label,
                verification_uri: url,
                verification_uri_complete: complete_url.as_deref(),
                user_code,
                expires_in_s: life.as_secs(),
            };
            print_json(out, &invited)?;
        } else {
            let minutes = life.as_secs().div_ceil(60);
            writeln!(out, "Open this page, on any device, and enter the code within {minutes} min:\n")?;
            writeln!(out, "  {url}\n  {user_code}\n")?;
            if let Some(complete) = complete_url {
                writeln!(out, "With the code filled in: {complete}\n")?;
            }
            writeln!(out, "Sign in only if you have just started this yourself; the client is `{}`.", grant.client_id)?;
        }
        // Whoever reads it must have it now, also through a pipe.
        out.flush()?;
        Ok(())
    }
}

impl Logout {
    pub(super) async fn run(self, paths: &Paths, out: &mut (dyn Write + Send), clock: &Clock) -> anyhow::Result<Exit> {
        let config = load_paths(paths)?;
        let provider = find(&config, &self.name)?;
        let (source, name) = chosen(provider, self.key.as_deref())?;
        let sign_ins = trying::world(&paths.data_dir, clock)?.sign_ins;
        let removed = tokio::task::spawn_blocking(move || sign_ins.remove(&sign_ins.lock(&name)?)).await??;
        let gateway_told = removed && tell_gateway(&paths.data_dir).await.unwrap_or(false);
        if self.json {
            let (provider, key) = (source.provider.as_str(), source.label.as_str());
            let done = Done { provider, key, signed_in: false, expires_ms: None, renews_itself: false, gateway_told };
            print_json(out, &done)?;
        } else if removed {
            writeln!(out, "Signed out of `{}`: nothing of the sign-in is kept here.", source.provider)?;
        } else {
            writeln!(out, "Nobody was signed in to `{}`.", source.provider)?;
        }
        Ok(Exit::Done)
    }
}

/// The key that is signed in to: the only one, or the one of this name or number.
fn chosen(provider: &ProviderConfig, wanted: Option<&str>) -> anyhow::Result<(KeySource, SignInName)> {
    let keys = provider.credentials.iter().enumerate();
    let sources = keys.map(|(at, credential)| KeySource::new(&provider.name, at, credential));
    let mut found: Vec<_> = sources.filter_map(|source| source.sign_in().map(|name| (source, name))).collect();
    if found.is_empty() {
        anyhow::bail!(
            "nobody signs in to `{}`: it has no key with `device`; `torod config reference` shows how one looks",
            provider.name
        );
    }
    if let Some(wanted) = wanted {
        found.retain(|(source, _)| source.label == wanted);
    }
    match (found.len(), wanted) {
        (1, _) => found.pop().context("it is gone"),
        (0, Some(wanted)) => {
            anyhow::bail!("`{}` has no key `{}` with `device`", provider.name, crate::config::shorten(wanted))
        }
        _ => {
            let labels: Vec<_> = found.iter().map(|(source, _)| source.label.as_str()).collect();
            anyhow::bail!(
                "`{}` has several keys with `device`: add `--key` and one of {}",
                provider.name,
                labels.join(", ")
            )
        }
    }
}
