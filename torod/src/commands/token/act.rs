//! Does what was typed: asks the daemon that holds the data folder, or works in its database where none does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use http::Method;
use tokenrouter_shared::change::TokenChange;
use tokenrouter_shared::token::{
    TokenCreate, TokenCreated, TokenDetail, TokenPage, TokenRevoked, TokenRotate, TokenView,
};

use super::limits::{Label, Setting};
use super::{Create, Edit, List};
use crate::access::issue::{self, Draft, Farewell, IssueError};
use crate::access::views::{self, Asked};
use crate::access::{Operator, Random, edit};
use crate::commands::control;
use crate::config::Paths;
use crate::store::lock::LockError;
use crate::store::token_list::Sort;
use crate::store::{Connection, DirLock, schema};

/// Who does it.
pub(super) enum Way {
    Daemon(PathBuf),
    Here(Box<Connection>, DirLock),
}

const OWNER: Operator = Operator::LocalOwner;
const NOTHING: Option<&()> = None;
const TOKENS: &str = "/admin/api/tokens";

fn told(e: &IssueError) -> anyhow::Error {
    let problem = e.problem();
    anyhow::anyhow!("{} {}", problem.message, problem.advice)
}

fn path_of(which: &str) -> String {
    format!("{TOKENS}/{}", control::escape(which))
}

impl Way {
    pub(super) fn find(paths: &Paths) -> anyhow::Result<Self> {
        let dir: &Path = &paths.data_dir;
        match DirLock::take(dir) {
            Ok(lock) => Ok(Self::Here(Box::new(schema::open_writer(dir)?), lock)),
            Err(LockError::Held { .. }) => Ok(Self::Daemon(dir.to_owned())),
            Err(e) => Err(e.into()),
        }
    }

    pub(super) async fn create(self, wanted: TokenCreate, random: Random, now_ms: i64) -> anyhow::Result<TokenCreated> {
        match self {
            Self::Daemon(dir) => control::ask(&dir, Method::POST, TOKENS, Some(&wanted)).await,
            Self::Here(mut connection, _lock) => {
                let draft = Draft::draw(random)?;
                let made = issue::create(&mut connection, &draft, &wanted, &OWNER, now_ms);
                Ok(made.map_err(|e| told(&e))?.answer)
            }
        }
    }

    /// Every token that is asked for, page by page.
    pub(super) async fn list(self, asked: &Asked, now_ms: i64) -> anyhow::Result<Vec<TokenView>> {
        let mut asked = Asked { limit: views::MAX_PAGE, ..asked.clone() };
        let mut tokens = Vec::new();
        loop {
            let page: TokenPage = match &self {
                Self::Daemon(dir) => control::ask(dir, Method::GET, &query(&asked), NOTHING).await?,
                Self::Here(connection, _) => views::page(connection, &OWNER, &asked, now_ms).map_err(|e| told(&e))?,
            };
            tokens.extend(page.tokens);
            match page.next {
                Some(next) => asked.cursor = Some(next),
                None => return Ok(tokens),
            }
        }
    }

    pub(super) async fn show(&self, which: &str, now_ms: i64) -> anyhow::Result<TokenDetail> {
        match self {
            Self::Daemon(dir) => control::ask(dir, Method::GET, &path_of(which), NOTHING).await,
            Self::Here(connection, _lock) => views::show(connection, which, &OWNER, now_ms).map_err(|e| told(&e)),
        }
    }

    /// Changes the token as it is now: whoever types knows no version.
    pub(super) async fn edit(self, which: &str, mut change: TokenChange, now_ms: i64) -> anyhow::Result<TokenDetail> {
        let before = self.show(which, now_ms).await?.token;
        change.version = Some(before.version);
        match self {
            Self::Daemon(dir) => control::ask(&dir, Method::PATCH, &path_of(&before.id), Some(&change)).await,
            Self::Here(mut connection, _lock) => {
                let changed = edit::edit(&mut connection, &before.id, &change, &OWNER, now_ms);
                Ok(changed.map_err(|e| told(&e))?.answer)
            }
        }
    }

    pub(super) async fn rotate(
        self,
        which: &str,
        grace_ms: Option<i64>,
        random: Random,
        now_ms: i64,
    ) -> anyhow::Result<TokenCreated> {
        let wanted = TokenRotate { grace_ms };
        match self {
            Self::Daemon(dir) => {
                control::ask(&dir, Method::POST, &format!("{}/rotate", path_of(which)), Some(&wanted)).await
            }
            Self::Here(mut connection, _lock) => {
                let draft = Draft::draw(random)?;
                let made = edit::rotate(&mut connection, which, &draft, &wanted, &OWNER, now_ms);
                Ok(made.map_err(|e| told(&e))?.answer)
            }
        }
    }

    pub(super) async fn revoke(self, which: &str, now_ms: i64) -> anyhow::Result<TokenRevoked> {
        match self {
            Self::Daemon(dir) => control::ask(&dir, Method::DELETE, &path_of(which), NOTHING).await,
            Self::Here(mut connection, _lock) => {
                let ended = issue::revoke(&mut connection, which, Farewell::default(), &OWNER, now_ms);
                Ok(ended.map_err(|e| told(&e))?.answer)
            }
        }
    }
}

/// What is asked for, as the admin API takes it.
fn query(asked: &Asked) -> String {
    let mut pairs = form_urlencoded::Serializer::for_suffix(format!("{TOKENS}?"), TOKENS.len() + 1);
    let sort = Sort::ALL.iter().find(|(_, sort)| *sort == asked.sort).map(|(word, _)| (*word).to_owned());
    for (key, value) in [
        ("all", Some(asked.all.to_string())),
        ("role", asked.role.map(|role| role.to_string())),
        ("parent", asked.parent.clone()),
        ("q", asked.text.clone()),
        ("sort", sort),
        ("order", Some(if asked.is_descending { "desc" } else { "asc" }.to_owned())),
        ("cursor", asked.cursor.clone()),
        ("limit", Some(asked.limit.to_string())),
    ] {
        if let Some(value) = value {
            pairs.append_pair(key, &value);
        }
    }
    pairs.finish()
}

impl Create {
    pub(super) fn wanted(self) -> TokenCreate {
        let (limits, labels) = self.limits.made();
        TokenCreate {
            name: self.name,
            role: self.role,
            ttl_ms: self.ttl,
            parent: self.parent,
            lossy: self.lossy,
            limits,
            labels,
            capture: !self.no_capture,
            ..TokenCreate::default()
        }
    }
}

impl List {
    /// Whether only some of the tokens are asked for.
    pub(super) fn is_chosen(&self) -> bool {
        self.search.is_some() || self.role.is_some() || self.parent.is_some()
    }

    pub(super) fn asked(self) -> Asked {
        let sort = Sort::ALL.iter().find(|(word, _)| *word == self.sort).map(|(_, sort)| *sort).unwrap_or_default();
        Asked {
            all: self.all,
            role: self.role,
            parent: self.parent,
            text: self.search,
            sort,
            // Who asks by use wants to see what is in use.
            is_descending: (sort == Sort::Used) != self.reverse,
            ..Asked::default()
        }
    }
}

impl Edit {
    pub(super) fn change(self) -> TokenChange {
        let (limits, labels) = self.limits.change();
        let mut named: BTreeMap<String, Option<String>> = self.no_label.into_iter().map(|key| (key, None)).collect();
        named.extend(labels.into_iter().map(|Label(key, value)| (key, Some(value))));
        let (expires_ms, ttl_ms) = match self.ttl {
            None => (None, None),
            Some(Setting::None) => (Some(None), None),
            Some(Setting::Value(ttl_ms)) => (None, Some(ttl_ms)),
        };
        TokenChange {
            version: None,
            name: self.name.map(Some),
            expires_ms,
            ttl_ms,
            lossy: self.lossy.map(Setting::change),
            limits: limits.map(Some),
            labels: (!named.is_empty()).then_some(Some(named)),
            capture: match (self.capture, self.no_capture) {
                (true, _) => Some(Some(true)),
                (false, true) => Some(Some(false)),
                (false, false) => None,
            },
            inspect_ms: self.inspect.map(Setting::change),
        }
    }
}
