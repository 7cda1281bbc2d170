//! `toro token create|list|show|rotate|revoke`: the tokens below the stored one, as far as its role goes.

mod shown;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use tokenrouter_shared::limits::{Budget, BudgetUnit, Limits, ModelRights};
use tokenrouter_shared::money::scaled;
use tokenrouter_shared::token::{
    TokenCreate, TokenCreated, TokenDetail, TokenPage, TokenRevoked, TokenRotate, TokenView,
};
use tokenrouter_shared::{Labels, Role, budget_text};

use super::Context;
use crate::client::{Client, ClientError, block_on, escape};
use crate::exit::{Exit, Failure};
use crate::printer::plain;
use crate::run::wanted::{dollars, label, ttl_ms};

const TOKENS: &str = "/admin/api/tokens";
/// The old key of a rotated token opens for a day more at most.
const MAX_GRACE_MS: i64 = 86_400_000;
/// So many tokens are listed at most.
const MOST: usize = 100_000;

/// Make, list, show, rotate and revoke the tokens below your own.
///
/// A token of role keymaster makes tokens below itself, each within its own time, budgets and models; an inferrer sees itself
/// alone.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  toro token create --name ci --ttl 8h --budget 5usd\n  toro token list\n  toro token rotate ci --grace 10m\n  toro token revoke ci"
)]
pub struct Token {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a token and show its key, once.
    Create(Box<Create>),
    /// List the tokens that you may see.
    List(List),
    /// Show all that is known of one token.
    Show(Show),
    /// Give a token another key; the old one opens no more, or for a while.
    Rotate(Rotate),
    /// End a token and every token below it, at once.
    Revoke(Revoke),
}

#[derive(Debug, Args)]
#[command(
    after_help = format!("Example:\n  toro token create --name nightly --ttl 8h --budget 5usd --allow 'sim/*'\n  toro token create --name team --role keymaster --budget 100usd/month --json\n\nOn a pipe the key alone is printed.\n{}", budget_text::GRAMMAR)
)]
struct Create {
    /// What people call it.
    #[arg(long)]
    name: Option<String>,
    /// What it may do: inferrer uses models, keymaster also makes tokens, admin may do everything.
    #[arg(long, default_value = "inferrer")]
    role: Role,
    /// How long it lives: 30m, 8h, 30d; without it, as long as yours.
    #[arg(long, value_parser = ttl_ms, value_name = "TIME", allow_hyphen_values = true)]
    ttl: Option<i64>,
    /// The id or name of the token that it belongs to and ends with [default: yours].
    #[arg(long, value_name = "WHICH")]
    parent: Option<String>,
    /// How much it may use up, such as 5usd, 100usd/month or 1000req/24h; may be given several times.
    #[arg(long = "budget", value_name = "BUDGET", value_parser = budget, allow_hyphen_values = true)]
    budgets: Vec<Budget>,
    /// Requests a minute.
    #[arg(long, value_name = "NUMBER", value_parser = number::<u32>)]
    rpm: Option<u32>,
    /// Tokens a minute, in and out.
    #[arg(long, value_name = "NUMBER", value_parser = number::<u64>)]
    tpm: Option<u64>,
    /// Requests at the same time.
    #[arg(long, value_name = "NUMBER", value_parser = number::<u32>)]
    concurrent: Option<u32>,
    /// Only models like this, such as openai/gpt-*; may be given several times.
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    allow: Vec<String>,
    /// Never models like this; may be given several times.
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    deny: Vec<String>,
    /// What people sort and search by, such as team=search; may be given several times.
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Never keep its conversations.
    #[arg(long)]
    no_capture: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  toro token list\n  toro token list --all --search ci --sort used --json")]
struct List {
    /// Also those that were revoked or have expired, and those of runs that are over.
    #[arg(long)]
    all: bool,
    /// Only those with this text in name, id or labels.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only of this role.
    #[arg(long)]
    role: Option<Role>,
    /// In which order; used: the last used first.
    #[arg(long, value_name = "WORD", default_value = "created", value_parser = PossibleValuesParser::new(["created", "name", "used", "expires"]))]
    sort: String,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  toro token show team")]
struct Show {
    /// Its id or its name.
    which: String,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  toro token rotate nightly\n  toro token rotate nightly --grace 10m --json")]
struct Rotate {
    /// Its id or its name.
    which: String,
    /// How long the old key opens too: 30s, 10m, 24h at most.
    #[arg(long, value_parser = grace_ms, value_name = "TIME")]
    grace: Option<i64>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  toro token revoke nightly")]
struct Revoke {
    /// Its id or its name.
    which: String,
}

/// A budget; a bare number is dollars, as with `--budget` of a run.
fn budget(text: &str) -> Result<Budget, String> {
    match dollars(text) {
        Ok(limit) => Ok(Budget { unit: BudgetUnit::UsdNanos, limit, window: tokenrouter_shared::Window::Lifetime }),
        Err(_) => budget_text::parse(text),
    }
}

fn number<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    let number = scaled(text, 0).filter(|number| *number > 0).ok_or("write a number such as 60 or 100k")?;
    T::try_from(number).map_err(|_| "that is more than can be counted".to_owned())
}

fn grace_ms(text: &str) -> Result<i64, String> {
    ttl_ms(text).and_then(|ms| {
        if ms > MAX_GRACE_MS { Err("the old key opens for 24h more at most".to_owned()) } else { Ok(ms) }
    })
}

impl Create {
    fn wanted(&self) -> Result<TokenCreate, Failure> {
        let limits = Limits {
            budgets: self.budgets.clone(),
            requests_per_minute: self.rpm,
            tokens_per_minute: self.tpm,
            concurrent: self.concurrent,
            models: ModelRights { allow: self.allow.clone(), deny: self.deny.clone() },
        };
        limits.check().map_err(|e| Failure::unclear(e.to_string(), e.advice()))?;
        let labels: Labels = self.labels.iter().cloned().collect();
        Ok(TokenCreate {
            name: self.name.clone(),
            role: self.role,
            ttl_ms: self.ttl,
            parent: self.parent.clone(),
            limits,
            labels,
            capture: !self.no_capture,
            ..TokenCreate::default()
        })
    }
}

impl List {
    fn path(&self, cursor: Option<&str>) -> String {
        let said = [
            ("all", self.all.then(|| "true".to_owned())),
            ("q", self.search.clone()),
            ("role", self.role.map(|role| role.to_string())),
            ("sort", Some(self.sort.clone())),
            ("limit", Some("500".to_owned())),
            ("cursor", cursor.map(str::to_owned)),
        ];
        let said = said.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", escape(&value?))));
        format!("{TOKENS}?{}", said.collect::<Vec<_>>().join("&"))
    }
}

fn path_of(which: &str) -> String {
    format!("{TOKENS}/{}", escape(which))
}

/// The gateway's refusal, and for one who may not make tokens what would help.
fn told(error: ClientError) -> Failure {
    let is_powerless = crate::run::token::is_powerless(&error);
    let mut failure = Failure::from(error);
    if is_powerless {
        "Ask for a token of role keymaster, then `toro set-key`. `toro status` shows yours."
            .clone_into(&mut failure.advice);
    }
    failure
}

impl Token {
    /// Does it and tells.
    pub fn run(&self, context: &Context) -> Result<Exit, Failure> {
        // What cannot be meant is told without asking anybody.
        let wanted = match &self.action {
            Action::Create(create) => Some(create.wanted()?),
            _ => None,
        };
        let client = context.client()?;
        let printer = &context.printer;
        let now_ms = context.clock.now_ms();
        match &self.action {
            Action::Create(_) => {
                let made: TokenCreated = block_on(client.post(TOKENS, &wanted))?.map_err(told)?;
                if printer.is_json() { printer.json(&made)? } else { shown::created(printer, &made)? }
            }
            Action::List(list) => {
                let tokens = block_on(all(&client, list))?.map_err(told)?;
                if printer.is_json() {
                    printer.json(&tokens)?;
                } else if tokens.is_empty() {
                    let narrowed = list.search.is_some() || list.role.is_some();
                    printer.say(if narrowed {
                        "no token is like that; --all also looks at those that ended"
                    } else {
                        "no token lies below yours; `toro token create` makes one"
                    });
                } else {
                    shown::list(printer, &tokens, now_ms)?;
                }
            }
            Action::Show(show) => {
                let detail: TokenDetail = block_on(client.get(&path_of(&show.which)))?.map_err(told)?;
                if printer.is_json() { printer.json(&detail)? } else { shown::detail(printer, &detail, now_ms)? }
            }
            Action::Rotate(rotate) => {
                let wanted = TokenRotate { grace_ms: rotate.grace };
                let path = format!("{}/rotate", path_of(&rotate.which));
                let made: TokenCreated = block_on(client.post(&path, &wanted))?.map_err(told)?;
                if printer.is_json() {
                    printer.json(&made)?;
                } else {
                    shown::created(printer, &made)?;
                    shown::old_key(printer, rotate.grace);
                }
            }
            Action::Revoke(revoke) => {
                let ended: TokenRevoked = block_on(client.delete(&path_of(&revoke.which)))?.map_err(told)?;
                if printer.is_json() {
                    printer.json(&ended)?;
                } else if ended.revoked.is_empty() {
                    printer.line(&format!("{} had ended already", plain(&revoke.which)))?;
                } else {
                    shown::revoked(printer, &ended)?;
                }
            }
        }
        Ok(Exit::Done)
    }
}

/// Every token that is asked for, page by page.
async fn all(client: &Client, list: &List) -> Result<Vec<TokenView>, ClientError> {
    let (mut tokens, mut cursor) = (Vec::new(), None);
    loop {
        let page: TokenPage = client.get(&list.path(cursor.as_deref())).await?;
        let is_empty = page.tokens.is_empty();
        tokens.extend(page.tokens);
        match page.next {
            // A page without an end is none of ours.
            Some(next) if !is_empty && tokens.len() < MOST => cursor = Some(next),
            _ => return Ok(tokens),
        }
    }
}
