//! `torod models show`: all that is known of one model, and where it is known from.

use std::io::Write;

use clap::Args;
use tokenrouter_shared::model::ModelView;

use super::asking;
use super::words::{UNKNOWN, price, tokens};
use crate::clock::Clock;
use crate::commands::Exit;
use crate::config::{self, Paths};
use crate::telemetry::plain::plain;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  torod models show anthropic/claude-sonnet-4-5")]
pub(super) struct Show {
    /// The model's name, as requests use it.
    id: String,
    /// Print JSON; so it is too where no terminal reads it.
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(super) async fn run(
        self,
        paths: &Paths,
        out: &mut (dyn Write + Send),
        talk: &mut (dyn Write + Send),
        is_terminal: bool,
        clock: &Clock,
    ) -> anyhow::Result<Exit> {
        let model = match asking::model(paths, &self.id, talk, clock).await? {
            Ok(model) => model,
            Err(closest) => {
                let shown = config::shorten(&self.id);
                let help = match closest.as_slice() {
                    [] => "`torod models` lists all".to_owned(),
                    names => format!("did you mean {}?", names.join(" or ")),
                };
                anyhow::bail!("there is no model `{shown}`: {help}");
            }
        };
        if self.json || !is_terminal {
            serde_json::to_writer(&mut *out, &model)?;
            writeln!(out)?;
        } else {
            tell(out, &model)?;
        }
        Ok(Exit::Done)
    }
}

fn tell(out: &mut dyn Write, model: &ModelView) -> std::io::Result<()> {
    writeln!(out, "{}", plain(&model.id))?;
    let mut line = |what: &str, said: &str| writeln!(out, "  {what:<16} {}", plain(said));
    if let Some(name) = &model.display_name {
        line("name", name)?;
    }
    line("provider", &model.provider)?;
    if !model.targets.is_empty() {
        line("stands for", &model.targets.join(", then "))?;
    }
    line("for", model.mode.as_deref().unwrap_or(UNKNOWN))?;
    let from = |source: &Option<String>| source.as_ref().map(|source| format!("   ({source})")).unwrap_or_default();
    line("context", &format!("{}{}", exact(model.context_tokens), from(&model.context_from)))?;
    line("output", &exact(model.max_output_tokens))?;
    let listed = |words: &[String]| if words.is_empty() { UNKNOWN.to_owned() } else { words.join(", ") };
    line("takes", &listed(&model.input))?;
    line("gives", &listed(&model.output))?;
    let able = |is: bool| {
        let words = model.can.iter().filter(|(_, can)| **can == is).map(|(word, _)| word.replace('_', " "));
        words.collect::<Vec<_>>()
    };
    line("can", &listed(&able(true)))?;
    if !able(false).is_empty() {
        line("cannot", &listed(&able(false)))?;
    }
    if !model.efforts.is_empty() {
        line("efforts", &model.efforts.join(", "))?;
    }
    match &model.price {
        None => line("price", UNKNOWN)?,
        Some(known) if known.is_free => line("price", &format!("free{}", from(&model.price_from)))?,
        Some(known) => {
            let head = format!("US dollars for a million tokens{}", from(&model.price_from));
            line("price", &head)?;
            for (what, nanos) in [
                ("  input", known.input_nanos),
                ("  output", known.output_nanos),
                ("  cache read", known.cache_read_nanos),
                ("  cache write", known.cache_write_nanos),
                ("  cache write 1h", known.cache_write_1h_nanos),
            ] {
                if nanos.is_some() {
                    line(what, &format!("{:>10}", price(nanos)))?;
                }
            }
        }
    }
    if let Some(day) = &model.until {
        line("ends", day)?;
    }
    Ok(())
}

fn exact(count: Option<u64>) -> String {
    match count {
        Some(count) if count >= 1_000 => format!("{} ({count} tokens)", tokens(Some(count))),
        other => tokens(other),
    }
}
