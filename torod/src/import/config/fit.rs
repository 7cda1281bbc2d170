//! Takes out of an import what the configuration refuses, piece by piece, so that one wrong entry keeps no other one out.

use std::collections::BTreeMap;
use std::path::Path;

use super::place::{Placed, is_of};
use crate::config::edit::EditError;
use crate::config::edit::addition::{self, Addition};
use crate::config::{Config, Examined, Finding, shorten};
use crate::import::Left;

/// So often something is taken out; each time at least one piece of each entry that is wrong.
const ROUNDS: usize = 64;
/// A provider without these is none.
const NEEDED: [&str; 4] = ["name", "provider_type", "base_url", "protocols"];

impl Placed {
    /// The file as it would be, where it is `before` now, and the keys of settings that it has decided already.
    ///
    /// # Errors
    ///
    /// Where the file itself is wrong, or cannot be read.
    pub fn fit(
        &mut self,
        path: &Path,
        before: &Config,
        left: &mut Left,
    ) -> Result<(Examined, Vec<&'static str>), EditError> {
        for _ in 0..ROUNDS {
            let findings = match addition::preview(path, &self.addition) {
                Err(EditError::Refused(findings)) => findings,
                other => return other,
            };
            if !self.take_out(&findings, before, left) {
                return Err(EditError::Refused(findings));
            }
        }
        addition::preview(path, &self.addition)
    }

    /// Takes out one piece for each entry in which something is wrong. Says whether anything was.
    fn take_out(&mut self, findings: &[Finding], before: &Config, left: &mut Left) -> bool {
        let (mut providers, mut aliases, mut is_less) = (BTreeMap::new(), BTreeMap::new(), false);
        for finding in findings.iter().filter(|finding| finding.is_error()) {
            if let Some((at, rest)) = inside(&finding.key, "providers") {
                providers.entry(at).or_insert((rest, &finding.message));
            } else if let Some((at, rest)) = inside(&finding.key, "model_aliases") {
                aliases.entry(at).or_insert((rest, &finding.message));
            } else {
                let settings = &mut self.addition.settings;
                let count = settings.len();
                settings.retain(|(key, _)| *key != finding.key);
                if settings.len() < count {
                    left.note(format!("{}: {}", finding.key, finding.message));
                    is_less = true;
                }
            }
        }
        // From the back, so that the places of those before stay what they are.
        for (at, (rest, why)) in aliases.into_iter().rev() {
            let at = at.checked_sub(before.model_aliases.len());
            is_less |= at.is_some_and(|at| out_of_alias(&mut self.addition, at, rest, why, left));
        }
        for (at, (rest, why)) in providers.into_iter().rev() {
            let at = at.checked_sub(before.providers.len());
            is_less |= at.is_some_and(|at| out_of_provider(&mut self.addition, at, rest, why, left));
        }
        let tables = &self.addition.providers;
        let names: Vec<&str> = tables.iter().filter_map(|table| table.get("name")?.as_str()).collect();
        self.secrets.retain(|(stored, _)| names.iter().any(|name| is_of(stored, name)));
        is_less
    }
}

fn out_of_alias(addition: &mut Addition, at: usize, rest: &str, why: &str, left: &mut Left) -> bool {
    let Some(alias) = addition.aliases.get_mut(at) else { return false };
    let name = shorten(&alias.name);
    left.note(format!("alias {name}: {why}"));
    let target = inside(rest, "targets").map(|(target, _)| target);
    if let Some(target) = target.filter(|target| *target < alias.targets.len() && alias.targets.len() > 1) {
        alias.targets.remove(target);
    } else {
        addition.aliases.remove(at);
    }
    true
}

fn out_of_provider(addition: &mut Addition, at: usize, rest: &str, why: &str, left: &mut Left) -> bool {
    let Some(table) = addition.providers.get_mut(at) else { return false };
    let name = table.get("name").and_then(|name| name.as_str()).map(shorten).unwrap_or_default();
    left.note(format!("provider {name}: {why}"));
    let key = first(rest);
    let models = table.get_mut("models").and_then(|models| models.as_array_of_tables_mut());
    if let (Some((at, rest)), Some(models)) = (inside(rest, "models"), models)
        && let Some(model) = models.get_mut(at)
    {
        if first(rest) == "id" || model.remove(first(rest)).is_none() {
            models.remove(at);
        }
        return true;
    }
    if NEEDED.contains(&key) || table.remove(key).is_none() {
        addition.providers.remove(at);
    }
    true
}

/// `list[3].rest` as `3` and `rest`.
fn inside<'k>(key: &'k str, list: &str) -> Option<(usize, &'k str)> {
    let (at, rest) = key.strip_prefix(list)?.strip_prefix('[')?.split_once(']')?;
    Some((at.parse().ok()?, rest.trim_start_matches('.')))
}

/// The first key of a path.
fn first(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or(path)
}
