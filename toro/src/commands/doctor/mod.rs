//! `toro doctor`: is the way to the gateway as agents need it, and is an agent as the gateway needs it?

mod agent;
mod calls;
mod dialect;
mod network;
mod report;
mod settings;

use clap::Args;

use self::dialect::Dialect;
use self::report::Report;
use super::Context;
use crate::agents::{self, Agent};
use crate::client::{Client, block_on};
use crate::exit::{Exit, Failure};
use crate::printer::plain;
use crate::talk;

/// Check the way to the gateway, what agents need of it, and an agent's own settings.
///
/// It asks a model six small questions, which cost what they cost with that model: a long one twice, to see the prompt
/// cache at work. `--offline` asks nobody anything. Ends with 1 when something is wrong.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  toro doctor\n  toro doctor claude --model sim/tool\n  toro doctor codex --offline\n  toro doctor --json"
)]
pub struct Doctor {
    /// An agent: the checks are then made as it would ask, and its own settings are looked at.
    agent: Option<String>,
    /// The model that is asked [default: `TORO_MODEL`, else the cheapest one that uses tools].
    #[arg(long, short, value_name = "MODEL")]
    model: Option<String>,
    /// Ask nobody anything: look at this machine alone.
    #[arg(long)]
    offline: bool,
    /// Ask the gateway, but no model: costs nothing.
    #[arg(long, conflicts_with = "offline")]
    free: bool,
}

/// So many questions are put to a model.
const CALLS: usize = 6;

impl Doctor {
    /// Checks all.
    pub fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let agent = match &self.agent {
            None => None,
            Some(name) => Some(agents::find(name).ok_or_else(|| unknown(name))?),
        };
        let mut report = Report::new(&context.printer);
        if let Some(agent) = agent {
            report.title(agent.title)?;
            agent::check(context, agent, &mut report)?;
        }
        report.title("the gateway")?;
        match context.server() {
            Err(failure) => report.bad("configured", &failure.message, &failure.advice)?,
            Ok(server) => {
                let place = context.profile().map(|profile| profile.path().display().to_string()).unwrap_or_default();
                report.good("configured", &format!("`{}` is {} ({place})", plain(&server.name), server.address))?;
                agent::proxies(context, &server.address, &mut report)?;
                if self.offline {
                    report.skipped("network", "not looked at: --offline")?;
                } else if block_on(network::check(context, &server, &mut report))?? {
                    let client = Client::new(&server)?;
                    self.ask(context, &client, agent, &mut report)?;
                }
            }
        }
        report.end()?;
        Ok(if report.is_bad() { Exit::Failed } else { Exit::Done })
    }

    /// What only real questions tell.
    fn ask(
        &self,
        context: &Context,
        client: &Client,
        agent: Option<&Agent>,
        report: &mut Report<'_>,
    ) -> Result<(), Failure> {
        report.title("models")?;
        if self.free {
            return report.skipped("questions", "not asked: --free");
        }
        let model = match self
            .model
            .clone()
            .or_else(|| context.flags.model.first().cloned())
            .or_else(|| (context.env)("TORO_MODEL"))
        {
            Some(model) => model,
            None => match block_on(cheapest(client))? {
                Ok(Some(model)) => model,
                Ok(None) => {
                    return report.bad("model", "your token may use no model", "`toro status` shows why.");
                }
                Err(e) => {
                    let failure = Failure::from(e);
                    return report.bad("model", &failure.message, &failure.advice);
                }
            },
        };
        let dialect = Dialect::of(agent.map_or("openai", |agent| agent.protocol));
        report.say(&format!(
            "{CALLS} small questions go to {} by {}; --free asks no model, --model another one.",
            plain(&model),
            dialect.title()
        ));
        block_on(calls::check(context, client, dialect, &model, report))?
    }
}

/// The cheapest model that uses tools, else any.
async fn cheapest(client: &Client) -> Result<Option<String>, crate::client::ClientError> {
    for query in ["can=tools&sort=price&limit=1", "limit=1"] {
        if let Some(model) = talk::listed(client, query).await?.into_iter().next() {
            return Ok(Some(model));
        }
    }
    Ok(None)
}

fn unknown(name: &str) -> Failure {
    let known: Vec<&str> = agents::ALL.iter().map(|agent| agent.name).collect();
    Failure::unclear(format!("`{}` is no agent", plain(name)), format!("Known are: {}.", known.join(", ")))
}
