//! One provider of the wizard: asked for, tried, and what to do about one that does not work.

use std::fmt;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokenrouter::Protocol;
use tokenrouter::catalog::Preset;

use super::Offer;
use crate::clock::Clock;
use crate::commands::provider::{
    NotUnderstood, Source, Way, ask_key, at, drafted, free_name, objection, spoken, tell_trial, tried,
};
use crate::commands::{prompt, terminal};
use crate::config::edit::provider::{self as edit, Draft};
use crate::config::{Config, SecretSource};
use crate::upstreams::trial;

/// How long one call of a test may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to do about a provider that does not work.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Remedy {
    Key,
    Url,
    Protocol,
    Model,
    Keep,
    KeepAll,
    LeaveOut,
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "Try another key",
            Self::Url => "Try another URL",
            Self::Protocol => "Say what it speaks",
            Self::Model => "Name a model to try",
            Self::Keep => "Keep it all the same",
            Self::KeepAll => "Keep it and all that follow, without trying them",
            Self::LeaveOut => "Leave it out",
        })
    }
}

/// What is known of one that is being asked for.
struct Asked {
    source: Source,
    draft: Draft,
    way: Way,
    /// What it speaks, where the person has said so.
    protocols: Vec<Protocol>,
}

/// Why one is not to be had as it is.
#[derive(Default)]
struct Refusal {
    wants_key: bool,
    is_unreachable: bool,
}

/// Asks for one provider after the other.
pub(super) struct Asking<'a> {
    pub(super) file: &'a Path,
    /// Where sign-ins are kept.
    pub(super) data_dir: &'a Path,
    pub(super) config: &'a Config,
    pub(super) clock: &'a Clock,
    pub(super) out: &'a mut (dyn Write + Send),
    /// Whether nobody can be reached from here, so that what is chosen is kept untested.
    pub(super) is_offline: bool,
}

impl Asking<'_> {
    /// Asks what is needed for one, and tries it; none where it is left out.
    pub(super) async fn one(&mut self, offer: &Offer, before: &[Draft]) -> anyhow::Result<Option<Draft>> {
        let Some(mut asked) = self.asked(offer, before)? else { return Ok(None) };
        asked.draft.key = match offer {
            Offer::Found(_, variable) => Some(SecretSource::Env((*variable).to_owned())),
            _ => ask_key(label(&asked), asked.source.preset())?,
        };
        let mut was_told_of_key = false;
        loop {
            if asked.draft.key.is_none() && asked.source.preset().is_some_and(Preset::needs_key) {
                writeln!(self.out, "`{}` is left out: it needs a key.\n", asked.draft.name)?;
                return Ok(None);
            }
            if self.is_offline && asked.source.preset().is_some() {
                return Ok(Some(asked.draft));
            }
            let Some(refusal) = self.attempt(&mut asked, before).await? else { return Ok(Some(asked.draft)) };
            if refusal.wants_key && !was_told_of_key {
                was_told_of_key = true;
                asked.draft.key = ask_key(label(&asked), asked.source.preset())?;
                continue;
            }
            match prompt::pick("It does not work. What now?", remedies(offer, &asked, &refusal))? {
                Remedy::Key => asked.draft.key = ask_key(label(&asked), asked.source.preset())?,
                Remedy::Url => {
                    let Some(source) = asked_url(self.config)? else { return Ok(None) };
                    let name = asked.draft.name;
                    let mut draft = drafted(&source, Some(name), Vec::new(), self.config, true)?;
                    draft.key = asked.draft.key;
                    asked = Asked { source, draft, protocols: Vec::new(), ..asked };
                }
                Remedy::Protocol => asked.protocols = vec![prompt::pick("It speaks:", Protocol::ALL.to_vec())?],
                Remedy::Model => {
                    let model = prompt::text("Its model:", "one that it surely has; it is asked for a word")?;
                    asked.way.model = Some(model).filter(|model| !model.is_empty());
                }
                Remedy::Keep => return Ok(Some(asked.draft)),
                Remedy::KeepAll => {
                    self.is_offline = true;
                    return Ok(Some(asked.draft));
                }
                Remedy::LeaveOut => {
                    writeln!(self.out, "`{}` is left out.\n", asked.draft.name)?;
                    return Ok(None);
                }
            }
        }
    }

    fn asked(&mut self, offer: &Offer, before: &[Draft]) -> anyhow::Result<Option<Asked>> {
        let (source, name) = match offer {
            Offer::Found(preset, _) | Offer::Known(preset) => {
                (Source::Known(Arc::clone(preset)), free_name(&preset.id, self.config, before))
            }
            Offer::Other => {
                let Some(source) = asked_url(self.config)? else { return Ok(None) };
                let name = asked_name(&source, self.config, before)?;
                (source, name)
            }
        };
        let way = Way { model: None, deadline: PATIENCE, json: false, data_dir: self.data_dir.to_owned() };
        loop {
            let e = match drafted(&source, Some(name.clone()), Vec::new(), self.config, true) {
                Ok(draft) => match edit::preview(self.file, std::slice::from_ref(&draft)) {
                    Ok(_) => return Ok(Some(Asked { source, draft, way, protocols: Vec::new() })),
                    Err(e) => e.into(),
                },
                Err(e) => e,
            };
            let is_askable = source.preset().is_some_and(|preset| !preset.needs.is_empty());
            if e.is::<prompt::GivenUp>() {
                return Err(e);
            }
            if !is_askable {
                prompt::say(&format!("{e}\nLeft out.\n"))?;
                return Ok(None);
            }
            // What its URL depends on is asked for again.
            prompt::say(&e.to_string())?;
        }
    }

    /// Why it does not work; none where it does.
    async fn attempt(&mut self, asked: &mut Asked, before: &[Draft]) -> anyhow::Result<Option<Refusal>> {
        if let Source::At(base) = &asked.source {
            if asked.protocols.is_empty() {
                match spoken(base, &asked.draft, &asked.way, self.out, self.clock).await {
                    Ok(urls) => asked.draft.urls = urls,
                    Err(e) if e.is::<prompt::GivenUp>() => return Err(e),
                    Err(e) => {
                        terminal::tell(self.out, &format!("{e:#}"), 2)?;
                        let wants_key = e.downcast_ref().is_some_and(NotUnderstood::wants_key);
                        return Ok(Some(Refusal { wants_key, is_unreachable: false }));
                    }
                }
            } else {
                asked.draft.urls = at(base, &asked.protocols);
            }
        }
        let drafts: Vec<Draft> = before.iter().cloned().chain([asked.draft.clone()]).collect();
        let (examined, _) = edit::preview(self.file, &drafts)?;
        let provider = examined.config.providers.iter().find(|provider| provider.name == asked.draft.name);
        let Some(provider) = provider else { return Ok(Some(Refusal::default())) };
        let tried = match tried(provider, &asked.way, self.clock).await {
            Ok(tried) => tried,
            Err(e) if e.is::<prompt::GivenUp>() => return Err(e),
            Err(e) => {
                terminal::tell(self.out, &format!("{e:#}"), 2)?;
                return Ok(Some(Refusal::default()));
            }
        };
        tell_trial(self.out, &tried)?;
        writeln!(self.out)?;
        let is_unreachable = tried.steps.iter().any(|step| step.problem.as_deref() == Some("unreachable"));
        let wants_key = tried.steps.iter().any(trial::wants_key);
        Ok((!tried.works).then_some(Refusal { wants_key, is_unreachable }))
    }
}

/// What a person calls it.
fn label(asked: &Asked) -> &str {
    asked.source.preset().map_or(&asked.draft.name, |preset| &preset.name)
}

/// What can be done about one that does not work, the likeliest first.
fn remedies(offer: &Offer, asked: &Asked, refusal: &Refusal) -> Vec<Remedy> {
    let mut remedies = Vec::new();
    if refusal.is_unreachable && asked.source.preset().is_some() {
        remedies.push(Remedy::KeepAll);
    }
    if !matches!(offer, Offer::Found(..)) && !refusal.is_unreachable {
        remedies.push(Remedy::Key);
    }
    if matches!(offer, Offer::Other) {
        remedies.extend([Remedy::Url, Remedy::Protocol]);
    }
    if !refusal.is_unreachable {
        remedies.push(Remedy::Model);
    }
    remedies.extend([Remedy::Keep, Remedy::LeaveOut]);
    remedies
}

fn asked_url(config: &Config) -> anyhow::Result<Option<Source>> {
    loop {
        let text = prompt::text("Its URL:", "such as https://llm.example.com/v1; Enter alone: none")?;
        if text.is_empty() {
            return Ok(None);
        }
        match Source::read(&text, &config.presets) {
            Ok(source) => return Ok(Some(source)),
            Err(e) => prompt::say(&e.to_string())?,
        }
    }
}

fn asked_name(source: &Source, config: &Config, before: &[Draft]) -> anyhow::Result<String> {
    let usual = free_name(&source.usual_name(), config, before);
    loop {
        let name = prompt::text_or("A name for it:", &usual, "clients write NAME/model")?;
        match objection(&name, config, before) {
            None => return Ok(name),
            Some(objection) => prompt::say(&objection)?,
        }
    }
}
