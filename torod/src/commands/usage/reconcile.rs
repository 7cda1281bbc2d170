//! `torod usage reconcile`: a provider's own export of usage or costs beside what is written down here.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use comfy_table::{Cell, CellAlignment};
use tokenrouter_shared::money::dollars;

use crate::access::bounds::grouped;
use crate::commands::Exit;
use crate::commands::table::table;
use crate::config::Paths;
use crate::import::bill::{self, Meaning};
use crate::import::drift::{self, Drift, Line};
use crate::store::{DATABASE, Readers, drift as rows};
use crate::telemetry::plain::plain;

/// Hold a provider's export of usage or costs against what is written down here.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  torod usage reconcile costs.csv --provider openai\n  torod usage reconcile activity.csv --provider openrouter --fail-over 1%\n  torod usage reconcile bill.csv --provider work --columns day=Date,model=Item,cost=Price\n\nReads the exports of OpenAI (usage and costs), Anthropic's console, OpenRouter's activity and Google's billing, as CSV or\nJSON, and any other table whose columns are named. Days are those of UTC. Returns 1 where --fail-over is exceeded."
)]
pub(super) struct Reconcile {
    /// The export.
    file: PathBuf,
    /// Which provider's it is, by its name here.
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// What columns are called: `day`, `model`, `cost`, `calls`, `input`, `input_uncached`, `cache_read`, `cache_write`,
    /// `output`, `currency`.
    #[arg(long, value_name = "WHAT=NAME", value_delimiter = ',')]
    columns: Vec<String>,
    /// Fail where both sides are further apart than this, such as 1% or 0.5%.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    fail_over: Option<u64>,
    /// Show also what is the same on both sides.
    #[arg(long)]
    all: bool,
    /// Print JSON with exact numbers.
    #[arg(long)]
    json: bool,
}

/// A share in millionths: `1%`, `0.5 %`.
fn share(text: &str) -> Result<u64, String> {
    let wrong = || "write a share such as 1% or 0.5%".to_owned();
    let number: f64 = text.trim().strip_suffix('%').ok_or_else(wrong)?.trim().parse().map_err(|_| wrong())?;
    if !(0.0..=1000.0).contains(&number) {
        return Err(wrong());
    }
    #[expect(clippy::cast_sign_loss, reason = "checked to be in range")]
    Ok((number * 10_000.0).round() as u64)
}

impl Reconcile {
    /// Compares and tells.
    pub(super) fn run(self, paths: &Paths, out: &mut dyn Write, is_terminal: bool) -> anyhow::Result<Exit> {
        if !paths.data_dir.join(DATABASE).exists() {
            bail!("no usage yet: there is no database in {}; `torod serve` makes it", paths.data_dir.display());
        }
        let bill = bill::read(&self.file, &self.named()?)?;
        let readers = Readers::new(paths.data_dir.clone());
        let known = readers.with(rows::providers)?;
        let provider = match &self.provider {
            Some(provider) => provider.clone(),
            None => match known.as_slice() {
                [only] => only.clone(),
                _ => bail!("say whose export it is: --provider with one of {}", list(&known)),
            },
        };
        if !known.contains(&provider) {
            bail!("nothing is written down here of a provider `{}`; there are {}", plain(&provider), list(&known));
        }
        let told = readers
            .with(|connection| drift::compare(connection, &provider, &bill))
            .context("the database cannot be read")?;
        if self.json {
            let left: Vec<_> =
                bill.left.iter().map(|(why, count)| serde_json::json!({ "what": why, "count": count })).collect();
            let mut json = serde_json::to_value(&told)?;
            if let Some(fields) = json.as_object_mut() {
                fields.insert("left".to_owned(), left.into());
            }
            writeln!(out, "{json}")?;
        } else {
            self.show(out, &told, is_terminal)?;
            for (why, count) in bill.left.iter() {
                writeln!(out, "left out of their export: {} × {}", grouped(count), plain(why))?;
            }
        }
        let is_over = self.fail_over.is_some_and(|most| told.drift_millionths > most);
        Ok(if is_over { Exit::Failed } else { Exit::Done })
    }

    fn named(&self) -> anyhow::Result<Vec<(Meaning, String)>> {
        let mut named = Vec::new();
        for pair in &self.columns {
            let Some((word, name)) = pair.split_once('=') else {
                bail!("`{}` names no column; write such as day=Date", plain(pair));
            };
            let meaning = Meaning::named(word).map_err(anyhow::Error::msg)?;
            named.push((meaning, name.trim().to_owned()));
        }
        Ok(named)
    }

    fn show(&self, out: &mut dyn Write, told: &Drift, is_terminal: bool) -> std::io::Result<()> {
        let shown: Vec<&Line> = told.lines.iter().filter(|line| self.all || !line.is_same()).collect();
        let (all, same) = (told.lines.len(), told.lines.iter().filter(|line| line.is_same()).count());
        if !shown.is_empty() {
            let mut table = table(is_terminal);
            let names =
                ["tokens theirs", "ours", "cost theirs", "ours", "difference"].map(|name| right(name.to_owned()));
            table.set_header([Cell::new("day"), Cell::new("model")].into_iter().chain(names).chain([Cell::new("why")]));
            for line in shown {
                table.add_row(vec![
                    Cell::new(&line.day),
                    Cell::new(plain(&line.model)),
                    right(line.their_tokens.map_or_else(|| "-".to_owned(), grouped)),
                    right(grouped(line.our_tokens)),
                    right(line.their_nanos.map_or_else(|| "-".to_owned(), signed)),
                    right(signed(line.our_nanos)),
                    right(difference(line)),
                    Cell::new(plain(&line.reasons.join("; "))),
                ]);
            }
            writeln!(out, "{table}")?;
        }
        writeln!(out, "{} of {} days and models are the same", grouped(same as u64), grouped(all as u64))?;
        let drift = told.drift_millionths;
        if drift == u64::MAX {
            return writeln!(out, "{} asks for nothing where we reckoned something", plain(&told.provider));
        }
        let (whole, rest) = (drift / 10_000, drift % 10_000 / 100);
        writeln!(out, "all differences together are {whole}.{rest:02} % of what {} says", plain(&told.provider))
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { plain(&names.join(", ")).into_owned() }
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn signed(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    format!("{sign}{}", dollars(nanos.unsigned_abs()))
}

/// In money where they tell it, else in tokens.
fn difference(line: &Line) -> String {
    match (line.nanos(), line.tokens()) {
        (Some(nanos), _) => format!("{}{}", if nanos >= 0 { "+" } else { "" }, signed(nanos)),
        (None, Some(tokens)) => {
            format!("{}{} tokens", if tokens >= 0 { "+" } else { "-" }, grouped(tokens.unsigned_abs()))
        }
        (None, None) => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read() {
        assert_eq!((share("1%"), share("0.5 %"), share("0%")), (Ok(10_000), Ok(5_000), Ok(0)));
        for wrong in ["", "1", "-1%", "x%", "NaN%", "1e9%"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }
}
