//! `toro models`: what the token may use, what it can and what it costs.

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde::Deserialize;
use serde_json::Value;
use tokenrouter_shared::money::scaled;
use tokenrouter_shared::session::Me;

use super::Context;
use crate::client::{block_on, escape};
use crate::exit::{Exit, Failure};
use crate::printer::{counted, figures, plain};

/// List and search the models that your token may use: what they can, how much fits, what they cost.
///
/// Prices are US dollars for a million tokens; `unknown` is not zero. A word in the column `can` is known to be so.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  toro models\n  toro models sonnet\n  toro models --can tools,vision --max-price 5 --sort price\n  \
                  toro models --provider openrouter --free\n  toro models --names | fzf\n  toro models --json gpt"
)]
pub struct Models {
    /// Only models with these words in their names.
    #[arg(value_name = "SEARCH")]
    search: Vec<String>,
    /// Only this provider's models.
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Only models that are known to be good for all of this: tools, vision, reasoning, `structured_output`, chat …
    #[arg(long, value_name = "WORDS")]
    can: Option<String>,
    /// Only models that cost nothing.
    #[arg(long)]
    free: bool,
    /// Only models of which a million tokens, in or out, cost at most so many US dollars.
    #[arg(long, value_name = "USD")]
    max_price: Option<String>,
    /// In which order.
    #[arg(long, value_name = "WORD", value_parser = PossibleValuesParser::new(["listed", "name", "price", "context", "output", "newest"]))]
    sort: Option<String>,
    /// The other way round.
    #[arg(long)]
    reverse: bool,
    /// So many at most.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Print the names alone, one a line.
    #[arg(long)]
    names: bool,
}

/// The gateway's list.
#[derive(Deserialize)]
struct List {
    data: Vec<Value>,
}

/// What is told of a model.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Model {
    id: String,
    context_window: Option<u64>,
    max_output_tokens: Option<u64>,
    shutdown_date: Option<String>,
    architecture: Option<Architecture>,
    pricing: Option<Pricing>,
    supported_parameters: Option<Vec<String>>,
    targets: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Architecture {
    input_modalities: Vec<String>,
    output_modalities: Vec<String>,
}

/// Dollars for one token.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Pricing {
    prompt: Option<String>,
    completion: Option<String>,
    input_cache_read: Option<String>,
}

/// A price for one token as nano-dollars for a million.
fn per_million(one: Option<&String>) -> Option<u64> {
    scaled(one?, 15)
}

impl Model {
    fn price(&self, part: fn(&Pricing) -> Option<&String>) -> String {
        let Some(pricing) = &self.pricing else { return figures::UNKNOWN.to_owned() };
        let all = [&pricing.prompt, &pricing.completion].map(|one| per_million(one.as_ref()));
        if all == [Some(0), Some(0)] { "free".to_owned() } else { figures::price(per_million(part(pricing))) }
    }

    fn takes(&self, kind: &str) -> bool {
        self.architecture.as_ref().is_some_and(|known| known.input_modalities.iter().any(|word| word == kind))
    }

    fn gives(&self, kind: &str) -> bool {
        self.architecture.as_ref().is_some_and(|known| known.output_modalities.iter().any(|word| word == kind))
    }

    /// What it can: a word, and one letter where there is no room.
    fn abilities(&self, in_words: bool) -> String {
        let has =
            |name: &str| self.supported_parameters.as_ref().is_some_and(|all| all.iter().any(|word| word == name));
        let all = [
            (has("tools"), "tools", "T"),
            (self.takes("image"), "vision", "V"),
            (has("reasoning"), "reasoning", "R"),
            (has("structured_outputs"), "schema", "S"),
            (self.takes("audio"), "audio", "A"),
            (self.takes("file"), "files", "F"),
            (self.gives("image"), "draws", "D"),
        ];
        let told: Vec<&str> = all
            .into_iter()
            .filter(|(can, ..)| *can)
            .map(|(_, word, letter)| if in_words { word } else { letter })
            .collect();
        if told.is_empty() && self.supported_parameters.is_none() {
            figures::UNKNOWN.to_owned()
        } else {
            told.join(" ")
        }
    }
}

/// From this width on there is room for these columns.
const FOR_OUTPUT: usize = 96;
const FOR_CACHED: usize = 108;
const FOR_WORDS: usize = 124;

impl Models {
    fn query(&self) -> String {
        let search = Some(self.search.join(" ")).filter(|words| !words.is_empty());
        let said = [
            ("search", search),
            ("provider", self.provider.clone()),
            ("can", self.can.clone()),
            ("free", self.free.then(|| "true".to_owned())),
            ("max_price", self.max_price.clone()),
            ("sort", self.sort.clone()),
            // Of those the other way round the first are the last.
            ("limit", self.limit.filter(|_| !self.reverse).map(|limit| limit.to_string())),
        ];
        let said = said.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", escape(&value?))));
        said.collect::<Vec<_>>().join("&")
    }

    /// Lists them.
    pub fn run(&self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client()?;
        let query = self.query();
        let path = if query.is_empty() { "/v1/models".to_owned() } else { format!("/v1/models?{query}") };
        let asked = block_on(async {
            let list = client.get::<List>(&path).await?;
            // What the token may not use is not in the list; people are told so.
            let me = if context.printer.is_terminal() { client.get::<Me>("/admin/api/me").await.ok() } else { None };
            Ok::<_, crate::client::ClientError>((list, me))
        })?;
        let (mut list, me) = asked.map_err(|e| match e.code() {
            // What was typed cannot be asked for; the gateway alone knows what can.
            "filter_invalid" => Failure { exit: Exit::Unclear, ..e.into() },
            _ => e.into(),
        })?;
        if self.reverse {
            list.data.reverse();
            list.data.truncate(self.limit.map_or(usize::MAX, |limit| limit as usize));
        }
        if context.printer.is_json() {
            context.printer.json(&serde_json::json!({ "total": list.data.len(), "models": list.data }))?;
            return Ok(exit(list.data.is_empty()));
        }
        let read = |value: Value| serde_json::from_value::<Model>(value).ok().filter(|model| !model.id.is_empty());
        let all = list.data.len();
        let models: Vec<Model> = list.data.into_iter().filter_map(read).collect();
        if self.names {
            let names: Vec<String> = models.iter().map(|model| plain(&model.id)).collect();
            if !names.is_empty() {
                context.printer.line(&names.join("\n"))?;
            }
            return Ok(exit(models.is_empty()));
        }
        if models.is_empty() {
            context.printer.say(if query.is_empty() {
                "no model: the gateway has no provider yet, or the token may use none (`toro status` tells)"
            } else {
                "no model is like that; `toro models` lists all"
            });
            return Ok(Exit::Failed);
        }
        context.printer.line(&table(context, &models))?;
        let mut told = counted(models.len() as u64, "model");
        if all > models.len() {
            told += &format!("; {} make no sense and are left out", all - models.len());
        }
        if let Some(me) = me.filter(|me| !me.limits.models.is_empty()) {
            let (allow, deny) = (&me.limits.models.allow, &me.limits.models.deny);
            let of =
                |word: &str, list: &[String]| (!list.is_empty()).then(|| format!("{word} {}", plain(&list.join(", "))));
            let rights: Vec<String> = [of("only", allow), of("not", deny)].into_iter().flatten().collect();
            told += &format!("; your token may use {}", rights.join(", "));
        }
        if context.printer.is_terminal() {
            context.printer.say(&told);
        }
        Ok(Exit::Done)
    }
}

/// Name, whether its cells are numbers, how wide the screen must be, and the cell.
type Column<'c> = (&'c str, bool, usize, Box<dyn Fn(&Model) -> String + 'c>);

fn table(context: &Context, models: &[Model]) -> String {
    let width = context.printer.width().unwrap_or(usize::MAX);
    let in_words = width >= FOR_WORDS;
    let has_end = models.iter().any(|model| model.shutdown_date.is_some());
    let columns: Vec<Column<'_>> = vec![
        ("model", false, 0, Box::new(name)),
        ("context", true, 0, Box::new(|m| figures::size(m.context_window))),
        ("output", true, FOR_OUTPUT, Box::new(|m| figures::size(m.max_output_tokens))),
        ("in $/M", true, 0, Box::new(|m| m.price(|p| p.prompt.as_ref()))),
        ("out $/M", true, 0, Box::new(|m| m.price(|p| p.completion.as_ref()))),
        ("cached $/M", true, FOR_CACHED, Box::new(|m| m.price(|p| p.input_cache_read.as_ref()))),
        ("can", false, 0, Box::new(move |m| m.abilities(in_words))),
        (
            "until",
            false,
            if has_end { FOR_WORDS } else { usize::MAX },
            Box::new(|m| m.shutdown_date.clone().unwrap_or_default()),
        ),
    ];
    let columns: Vec<_> = columns.into_iter().filter(|(.., from, _)| width >= *from && *from < usize::MAX).collect();
    let mut table = context.printer.table().columns(columns.iter().map(|(title, is_number, ..)| (*title, *is_number)));
    for model in models {
        table.row(columns.iter().map(|(.., cell)| cell(model)));
    }
    let mut text = table.to_string();
    if !in_words {
        text += "\ncan: T tools  V vision  R reasoning  S schema  A audio  F files  D draws";
    }
    text
}

/// Its name, and for an alias what it stands for.
fn name(model: &Model) -> String {
    match model.targets.as_slice() {
        [] => model.id.clone(),
        [only] => format!("{} → {only}", model.id),
        [first, ..] => format!("{} → {first} …", model.id),
    }
}

const fn exit(is_empty: bool) -> Exit {
    if is_empty { Exit::Failed } else { Exit::Done }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_told_in_words_and_letters() {
        let model: Model = serde_json::from_str(
            r#"{"id":"a/b","pricing":{"prompt":"0.000003","completion":"0.000015"},"supported_parameters":["tools","reasoning"],
                "architecture":{"input_modalities":["text","image"]},"more":[1]}"#,
        )
        .unwrap();
        assert_eq!((model.abilities(true), model.abilities(false)), ("tools vision reasoning".into(), "T V R".into()));
        let prices = [model.price(|p| p.prompt.as_ref()), model.price(|p| p.input_cache_read.as_ref())];
        assert_eq!(prices, ["3.00", "unknown"]);
        let free: Model = serde_json::from_str(r#"{"id":"x","pricing":{"prompt":"0","completion":"0"}}"#).unwrap();
        assert_eq!((free.price(|p| p.completion.as_ref()), free.abilities(true)), ("free".into(), "unknown".into()));
        assert_eq!(Model::default().price(|p| p.prompt.as_ref()), "unknown");
    }
}
