//! How keys stand that change by themselves, as far as it can be told without a running gateway, and in words.

use std::path::Path;

use tokenrouter_shared::provider::KeyStanding;

use super::trying;
use crate::clock::Clock;
use crate::config::ProviderConfig;
use crate::upstreams::key_source::KeySource;

/// A moment in Unix milliseconds, for people.
pub(super) fn moment(ms: i64) -> String {
    let time = chrono::DateTime::from_timestamp_millis(ms);
    time.map_or_else(|| "?".to_owned(), |time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// What is known of the sign-ins of `provider` without asking anybody, by the place of the key.
pub(super) fn kept(provider: &ProviderConfig, data_dir: &Path, clock: &Clock) -> Vec<Option<KeyStanding>> {
    let keys = provider.credentials.iter().enumerate();
    let sources = keys.map(|(at, credential)| KeySource::new(&provider.name, at, credential));
    sources.map(|source| one(&source, data_dir, clock)).collect()
}

fn one(source: &KeySource, data_dir: &Path, clock: &Clock) -> Option<KeyStanding> {
    let name = source.sign_in()?;
    let signed_out = |problem: String| KeyStanding {
        label: source.label.clone(),
        state: "signed_out".to_owned(),
        expires_ms: None,
        problem: Some(problem),
    };
    let nobody = || signed_out(format!("nobody is signed in: run `torod provider login {}`", source.provider));
    if !data_dir.exists() {
        return Some(nobody());
    }
    let read = trying::world(data_dir, clock).and_then(|world| Ok(world.sign_ins.read(&name)?));
    Some(match read {
        Ok(Some(kept)) if kept.refresh.is_some() || kept.expires_ms.is_none_or(|ms| ms > clock.now_ms()) => {
            KeyStanding {
                label: source.label.clone(),
                state: "good".to_owned(),
                expires_ms: kept.expires_ms.filter(|_| kept.refresh.is_none()),
                problem: None,
            }
        }
        Ok(_) => nobody(),
        Err(error) => signed_out(error.to_string()),
    })
}

/// The same in a sentence.
pub(super) fn told(standing: &KeyStanding, is_signed_in: bool) -> String {
    let until = standing.expires_ms.map(|ms| format!(" until {}", moment(ms))).unwrap_or_default();
    let state = match (standing.state.as_str(), is_signed_in) {
        ("good", true) => format!("signed in{until}"),
        ("good", false) => format!("good{until}"),
        ("signed_out", _) => "signed out".to_owned(),
        _ => "not there".to_owned(),
    };
    match &standing.problem {
        Some(problem) => format!("{state} ({problem})"),
        None => state,
    }
}
