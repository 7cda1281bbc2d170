//! Keeps, lists, forgets and seals anew the secrets of the store: the same road for the admin API and for commands.

use rusqlite::{Connection, TransactionBehavior};
use tokenrouter_shared::secrets::{SecretView, SecretsRotated};
use tokenrouter_shared::{Problem, Secret};

use super::Operator;
use crate::config::{self, Config};
use crate::store::audit::{self, Entry};
use crate::store::writer::BusyError;
use crate::store::{Keyring, SignIns, StoreError, secrets};

/// The longest secret, in bytes.
const LONGEST: usize = 64 << 10;
/// The most places that one may be sent to.
const MOST_ORIGINS: usize = 16;
/// The most secrets that are kept.
const MOST: usize = 10_000;

/// Why a secret was not kept, or not forgotten. No variant holds any of it.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// It cannot be called so.
    #[error("this is no name of a secret: {}", config::SECRET_NAME_RULE)]
    BadName,
    /// It could not stand in a header.
    #[error("the secret is empty, longer than 64 KiB, or holds a blank or a character that no key has")]
    BadValue,
    /// One of the places is none.
    #[error("it cannot be said where the secret may be sent: give 1 to 16 URLs such as https://api.example.com")]
    BadPlace,
    /// Nothing says where it may be sent.
    #[error("nothing in torod.toml uses the secret `{0}`, and no provider has that name")]
    NoPlace(String),
    /// There is no such secret.
    #[error("no secret `{0}` is stored")]
    NotFound(String),
    /// It was given anew since the version that the change is made for.
    #[error("the secret is at version {0} by now")]
    Version(String),
    /// Nobody needs so many.
    #[error("there are {MOST} secrets already")]
    TooMany,
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BusyError for SecretsError {
    fn is_busy(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_busy())
    }
}

impl From<rusqlite::Error> for SecretsError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl SecretsError {
    /// The error as the admin API tells it.
    pub fn problem(&self) -> Problem {
        let (code, advice) = match self {
            Self::BadName => ("bad_name", "Choose a plain name."),
            Self::BadValue => ("bad_value", "Copy it again, all of it and nothing else."),
            Self::BadPlace => ("bad_place", "Name each URL with its scheme and host."),
            Self::NoPlace(_) => ("place_missing", "Say where it may be sent, such as `--for https://api.example.com`."),
            Self::NotFound(_) => ("secret_not_found", "See `torod secrets list` for those there are."),
            Self::Version(_) => ("version_conflict", "List the secrets again, and repeat what is still to be done."),
            Self::TooMany => ("too_many", "Remove some that nobody uses."),
            Self::Store(error) if error.is_transient() => ("database_busy", "Try again in a moment."),
            Self::Store(_) => ("secrets_failed", "Look at the data folder and at the free space of the disk."),
        };
        let version = match self {
            Self::Version(now) => Some(now.clone()),
            _ => None,
        };
        Problem { code: code.into(), message: format!("{self}."), advice: advice.to_owned(), version, request_id: None }
    }
}

/// A secret that can be kept: everything about it was looked at.
#[derive(Clone, Debug)]
pub struct Wanted {
    name: String,
    origins: Vec<String>,
    secret: Secret,
}

impl Wanted {
    /// The secret `name`, to be sent to the origins of `urls` alone; without any, to where `config` uses it, or to the
    /// provider that the name speaks of.
    pub fn new(name: &str, urls: &[String], secret: Secret, config: &Config) -> Result<Self, SecretsError> {
        if !config::is_secret_name(name) {
            return Err(SecretsError::BadName);
        }
        let text = secret.expose();
        if text.is_empty() || text.len() > LONGEST || text.bytes().any(|b| !b.is_ascii_graphic()) {
            return Err(SecretsError::BadValue);
        }
        let mut origins: Vec<String> = if urls.is_empty() {
            config.places_of_secret(name)
        } else {
            urls.iter().map(|url| config::origin_of(url)).collect::<Option<_>>().ok_or(SecretsError::BadPlace)?
        };
        origins.sort_unstable();
        origins.dedup();
        match origins.len() {
            0 => Err(SecretsError::NoPlace(name.to_owned())),
            1..=MOST_ORIGINS => Ok(Self { name: name.to_owned(), origins, secret }),
            _ => Err(SecretsError::BadPlace),
        }
    }
}

/// Keeps a secret, in one transaction with its audit entry.
pub fn set(
    connection: &mut Connection,
    keys: &Keyring,
    wanted: &Wanted,
    by: &Operator,
    now_ms: i64,
) -> Result<SecretView, SecretsError> {
    let Wanted { name, origins, secret } = wanted;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if secrets::all(&transaction)?.len() >= MOST {
        return Err(SecretsError::TooMany);
    }
    let was_there = secrets::put(&transaction, keys, name, origins, secret, now_ms)?;
    let action = if was_there { "secret.change" } else { "secret.create" };
    let detail = format!("for {}", origins.join(" and "));
    audit::add(&transaction, &Entry { at_ms: now_ms, actor: by.actor(), action, subject: name, detail: &detail })?;
    transaction.commit()?;
    let row = secrets::all(connection)?.into_iter().find(|row| row.name == *name);
    let row = row.ok_or_else(|| SecretsError::NotFound(name.clone()))?;
    Ok(view(row))
}

/// Every secret, without any of it.
pub fn list(connection: &Connection) -> Result<Vec<SecretView>, StoreError> {
    Ok(secrets::all(connection)?.into_iter().map(view).collect())
}

/// A page of them by name: behind the name `after`, and with `text` in name or places. Whether there are more.
pub fn page(
    connection: &Connection,
    text: Option<&str>,
    after: Option<&str>,
    limit: usize,
) -> Result<(Vec<SecretView>, bool), StoreError> {
    let mut rows = secrets::page(connection, text, after, limit.saturating_add(1))?;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    Ok((rows.into_iter().map(view).collect(), has_more))
}

/// Refuses a change of the secret `name` that is made for another version than it is at; `None` is made for any. Holds
/// for what is done next on the same connection.
pub fn at_version(connection: &Connection, name: &str, expected: Option<&str>) -> Result<(), SecretsError> {
    let Some(expected) = expected else { return Ok(()) };
    match secrets::all(connection)?.into_iter().find(|row| row.name == name) {
        None => Err(SecretsError::NotFound(name.to_owned())),
        Some(row) if row.version == expected => Ok(()),
        Some(row) => Err(SecretsError::Version(row.version)),
    }
}

fn view(row: secrets::SecretRow) -> SecretView {
    let secrets::SecretRow { name, origins, created_ms, changed_ms, version } = row;
    SecretView { name, origins, created_ms, changed_ms, version }
}

/// Forgets a secret.
pub fn remove(connection: &mut Connection, name: &str, by: &Operator, now_ms: i64) -> Result<(), SecretsError> {
    secrets::scrubbed(connection, |connection| {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if !secrets::remove(&transaction, name)? {
            return Err(SecretsError::NotFound(name.to_owned()));
        }
        let entry = Entry { at_ms: now_ms, actor: by.actor(), action: "secret.remove", subject: name, detail: "" };
        audit::add(&transaction, &entry)?;
        Ok(transaction.commit()?)
    })
}

/// Makes a new key and seals everything under it; then the keys before it go. Whatever moment it breaks off at, all keys
/// that are needed are there, and the next time brings it to its end.
pub fn rotate(
    connection: &mut Connection,
    keys: &Keyring,
    sign_ins: &SignIns,
    by: &Operator,
    now_ms: i64,
) -> Result<SecretsRotated, SecretsError> {
    let rotation = keys.begin()?;
    let secrets = secrets::scrubbed(connection, |connection| reseal(connection, keys, by, now_ms))?;
    let sign_ins = sign_ins.reseal()?;
    rotation.finish()?;
    Ok(SecretsRotated { secrets, sign_ins })
}

fn reseal(connection: &mut Connection, keys: &Keyring, by: &Operator, now_ms: i64) -> Result<usize, SecretsError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let count = secrets::reseal(&transaction, keys)?;
    let (action, subject) = ("secrets.rotate", "secrets.key");
    audit::add(&transaction, &Entry { at_ms: now_ms, actor: by.actor(), action, subject, detail: "" })?;
    transaction.commit()?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema;
    use std::sync::Arc;

    fn config(text: &str) -> Config {
        config::parse(text, "t").unwrap()
    }

    const USED: &str = "[[providers]]\nname = \"a\"\nprotocols = { openai = \"https://a.example/v1\", anthropic = \"https://b.example\" }\n\
                        api_key = { secret = \"k\" }\n[[providers]]\nname = \"openai\"\nprovider_type = \"openai\"\napi_key = \"${X}\"\n";

    #[test]
    fn a_secret_is_for_where_it_is_used() {
        let wanted = |name: &str, urls: &[&str]| {
            let urls: Vec<String> = urls.iter().map(|url| (*url).to_owned()).collect();
            Wanted::new(name, &urls, "x".into(), &config(USED)).map(|wanted| wanted.origins.join(" "))
        };
        assert_eq!(wanted("k", &[]).unwrap(), "https://a.example https://b.example");
        assert_eq!(wanted("provider/openai", &[]).unwrap(), "https://api.openai.com");
        assert_eq!(wanted("provider/groq", &[]).unwrap(), "https://api.groq.com");
        assert_eq!(wanted("k", &["https://C.example:443/v1"]).unwrap(), "https://c.example");
        assert!(matches!(wanted("other", &[]), Err(SecretsError::NoPlace(_))));
        assert!(matches!(wanted("k", &["c.example"]), Err(SecretsError::BadPlace)));
        assert!(matches!(wanted("a b", &[]), Err(SecretsError::BadName)));
        for text in ["", "a b", "ä", &"x".repeat(LONGEST + 1)] {
            assert!(matches!(Wanted::new("k", &[], text.into(), &config(USED)), Err(SecretsError::BadValue)));
        }
    }

    #[test]
    fn keys_change_while_secrets_stay_and_nothing_old_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let mut connection = schema::open_writer(dir.path()).unwrap();
        let keys = Arc::new(Keyring::new(dir.path(), |out: &mut [u8]| getrandom::fill(out)));
        let sign_ins = SignIns::new(dir.path(), Arc::clone(&keys), &[7; 32]).unwrap();
        let wanted = Wanted::new("k", &[], "hunter2".into(), &config(USED)).unwrap();
        let by = Operator::LocalOwner;
        set(&mut connection, &keys, &wanted, &by, 1).unwrap();
        let sealed: Vec<u8> = connection.query_row("SELECT sealed FROM secret", [], |row| row.get(0)).unwrap();
        // One that broke off before.
        drop(keys.begin().unwrap());
        let rotated = rotate(&mut connection, &keys, &sign_ins, &by, 2).unwrap();
        assert_eq!((rotated.secrets, rotated.sign_ins, keys.is_halfway().unwrap()), (1, 0, false));
        assert_eq!(secrets::get(&connection, &keys, "k").unwrap().unwrap().0, "hunter2".into());
        for file in std::fs::read_dir(dir.path()).unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(
                !bytes.windows(sealed.len()).any(|part| part == sealed),
                "what was sealed under the old key is left"
            );
        }
        remove(&mut connection, "k", &by, 3).unwrap();
        assert!(matches!(remove(&mut connection, "k", &by, 3), Err(SecretsError::NotFound(_))));
        let actions: Vec<String> = connection
            .prepare("SELECT action FROM audit ORDER BY id")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(actions, ["secret.create", "secrets.rotate", "secret.remove"]);
    }
}
