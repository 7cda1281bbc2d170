//! `torod route explain|show`: who would get a request, and who got it.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand};
use http::Method;
use serde::Serialize;
use serde_json::value::RawValue;
use tokenrouter::pick::mix;
use tokenrouter_shared::Secret;
use tokenrouter_shared::route::{RouteDecision, RouteExplained};

use super::{Exit, control, route_table};
use crate::clock::Clock;
use crate::config::{self, Config, Paths, ProviderConfig};
use crate::upstreams::asked::Asked;
use crate::upstreams::explain::explain;
use crate::upstreams::provider::{Key, Provider};
use crate::upstreams::snapshot::Live;
use crate::upstreams::standing::Moment;

/// Show who would get a request and why, or who got one; nobody is called.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  torod route explain gpt-5\n  torod route explain --surface messages openai/gpt-5\n  torod route explain --file request.json --json\n  torod route show req_01jd2m7w3n"
)]
pub struct Route {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Who would get a request for a model now, and why not the others.
    Explain(Explain),
    /// Who got the request with this id, if it is among the last 1,000.
    Show(Show),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  torod route explain gpt-5\n  torod route explain --session 4f0c --token laptop chat\n  torod route explain --file request.json"
)]
struct Explain {
    /// The model as clients ask for it; without it, the one in the file.
    #[arg(required_unless_present = "file")]
    model: Option<String>,
    /// A request as clients send it, in JSON; `-` is the standard input.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// What is asked for: chat, responses, messages, generate, `cohere_chat`, completions or embeddings; without it, the
    /// file's form tells.
    #[arg(long, value_name = "WORD")]
    surface: Option<String>,
    /// The session that an agent would name in a header.
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// The token that asks, by id or name: its rights and used-up budgets count, and its conversations are its own.
    /// What the request may need of a budget is not reckoned.
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  torod route show req_01jd2m7w3n")]
struct Show {
    /// The id, from the header `x-request-id` of the answer or from the log.
    request_id: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

const NOTHING: Option<&()> = None;

impl Route {
    /// Does it and tells.
    pub async fn run(
        self,
        paths: &Paths,
        out: &mut dyn Write,
        talk: &mut dyn Write,
        clock: Clock,
    ) -> anyhow::Result<Exit> {
        match self.action {
            Action::Explain(wanted) => {
                let told = wanted.ask(paths, talk, &clock).await?;
                if wanted.json {
                    print_json(out, &told)?;
                } else {
                    route_table::explained(out, &told)?;
                }
                Ok(if told.would_refuse.is_some() { Exit::Failed } else { Exit::Done })
            }
            Action::Show(wanted) => {
                if !control::is_running(&paths.data_dir) {
                    anyhow::bail!(
                        "no torod runs with the data folder {}; it remembers its last requests while it runs",
                        paths.data_dir.display()
                    );
                }
                let path = format!("/admin/api/routes/{}", control::escape(&wanted.request_id));
                let told: RouteDecision = control::ask(&paths.data_dir, Method::GET, &path, NOTHING).await?;
                if wanted.json {
                    print_json(out, &told)?;
                } else {
                    route_table::decided(out, &told)?;
                }
                Ok(Exit::Done)
            }
        }
    }
}

impl Explain {
    async fn ask(&self, paths: &Paths, talk: &mut dyn Write, clock: &Clock) -> anyhow::Result<RouteExplained> {
        let body = self.file.as_deref().map(read).transpose()?;
        if control::is_running(&paths.data_dir) {
            let pairs = [
                ("model", &self.model),
                ("surface", &self.surface),
                ("session", &self.session),
                ("token", &self.token),
            ];
            let pairs = pairs.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
            let query: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            let path = format!("/admin/api/routes/explain?{query}");
            let method = if body.is_some() { Method::POST } else { Method::GET };
            return control::ask(&paths.data_dir, method, &path, body.as_ref()).await;
        }
        let config = config::load_paths(paths)?;
        writeln!(
            talk,
            "torod: no gateway runs with the data folder {}, so this is what {} says alone: nothing is known of health, \
             speed, conversations, tokens and lists of models",
            paths.data_dir.display(),
            paths.config_file.display()
        )?;
        let bytes = body.map(|body| body.get().as_bytes().to_vec()).unwrap_or_default();
        let asked = Asked::new(self.model.as_deref(), self.surface.as_deref(), bytes)?;
        let live = Live::new(&config, described(&config)?, 0, clock.clone()).load();
        let moment = Moment::now(clock);
        let mut told = explain(&live, &asked, moment, mix(moment.now_ms.cast_unsigned()));
        told.is_live = false;
        Ok(told)
    }
}

fn read(path: &Path) -> anyhow::Result<Box<RawValue>> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("cannot read the standard input")?;
    } else {
        text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    }
    serde_json::from_str(&text).with_context(|| format!("{} holds no JSON", path.display()))
}

/// The providers of the file, with something in place of each key: nobody is called.
fn described(config: &Config) -> anyhow::Result<Vec<Arc<Provider>>> {
    let one = |provider: &ProviderConfig| {
        let keys = provider.credentials.iter().enumerate().map(|(at, credential)| {
            let label = credential.label(at);
            Key::fixed(label, credential.weight, Secret::new(format!("key-{at}")))
        });
        Ok(Arc::new(Provider::new(provider, &keys.collect::<Vec<_>>())?))
    };
    config.providers.iter().map(one).collect()
}

fn print_json(out: &mut dyn Write, value: &impl Serialize) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)?;
    Ok(())
}
