//! `[[model_aliases]]`: names of our own for models, by profile.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tokenrouter::pick::order::Criterion;
use tokenrouter_shared::Lossy;

use super::Config;
use super::field::Field;
use super::routing::read_order;
use super::section::{Section, closest, shorten};

/// The most targets that one alias may come to, aliases that it names included.
const MOST_TARGETS: usize = 64;
/// The most aliases one after the other on the way to a target.
const MOST_STEPS: usize = 16;

type ByName<'a> = BTreeMap<&'a str, &'a AliasConfig>;

/// One alias.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AliasConfig {
    /// What clients ask for. Unique; it goes before every other name.
    pub name: String,
    /// What becomes of requests that lose something on the way to another protocol; none: as everywhere.
    pub lossy: Option<Lossy>,
    /// What decides between its targets; none: as everywhere.
    pub order: Option<Vec<Criterion>>,
    /// Who may serve it, in the order of the file. Not empty after a reading without errors.
    pub targets: Vec<TargetConfig>,
}

/// One target of an alias as the file says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetConfig {
    /// The profile that it belongs to; none for every profile without targets of its own.
    pub profile: Option<String>,
    /// Who serves it; none: `model` is the name of another alias.
    pub provider: Option<String>,
    /// The model's id there, or the other alias.
    pub model: String,
    /// Its share of the traffic; none: it has its turn when those before it fail.
    pub weight: Option<u32>,
}

/// What an alias means in the active profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// What clients ask for.
    pub name: String,
    /// What becomes of requests that lose something on the way to another protocol; none: as everywhere.
    pub lossy: Option<Lossy>,
    /// What decides between its targets; none: as everywhere.
    pub order: Option<Vec<Criterion>>,
    /// The profile whose targets these are; none for those without.
    pub profile: Option<String>,
    /// Who may serve it, in order; aliases that it names are replaced by what these mean.
    pub targets: Vec<Target>,
}

/// A model of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The provider's name.
    pub provider: String,
    /// The model's id there.
    pub model: String,
    /// Its share of the traffic. Once any target of an alias has one, the others count as 1 and all share one rank.
    pub weight: Option<u32>,
    /// The aliases that were passed on the way here, in order.
    pub through: Vec<String>,
}

impl AliasConfig {
    /// The profile whose targets hold while `active` is the active one, and whether `active` has any, or targets for
    /// every profile stand in for it.
    fn profile<'a>(&'a self, active: Option<&'a str>) -> (Option<&'a str>, bool) {
        let has = |profile: Option<&str>| self.targets.iter().any(|target| target.profile.as_deref() == profile);
        if let Some(active) = active.filter(|active| has(Some(active))) {
            return (Some(active), true);
        }
        if has(None) { (None, true) } else { (self.targets.first().and_then(|t| t.profile.as_deref()), false) }
    }

    fn targets_of<'a>(&'a self, profile: Option<&'a str>) -> impl Iterator<Item = &'a TargetConfig> {
        self.targets.iter().filter(move |target| target.profile.as_deref() == profile)
    }
}

impl Config {
    /// What every alias means in the active profile.
    pub fn aliases(&self) -> Vec<Alias> {
        let alias = |alias: &AliasConfig| {
            let profile = alias.profile(self.active_model_profile.as_deref()).0;
            let mut targets = Vec::new();
            self.flatten(alias, None, &mut Vec::new(), &mut targets);
            let name = alias.name.clone();
            Alias { name, lossy: alias.lossy, order: alias.order.clone(), profile: profile.map(str::to_owned), targets }
        };
        self.model_aliases.iter().map(alias).collect()
    }

    /// Every profile that a target names.
    pub fn profiles(&self) -> BTreeSet<&str> {
        self.model_aliases.iter().flat_map(|alias| &alias.targets).filter_map(|t| t.profile.as_deref()).collect()
    }

    /// The targets of `alias` in the active profile; `share` is what a weight on the way here leaves them, `way` the
    /// aliases on it.
    fn flatten(&self, alias: &AliasConfig, share: Option<u32>, way: &mut Vec<String>, found: &mut Vec<Target>) {
        let profile = alias.profile(self.active_model_profile.as_deref()).0;
        for target in alias.targets_of(profile) {
            // A file that was read without errors comes to neither bound.
            if found.len() >= MOST_TARGETS || way.len() > MOST_STEPS {
                return;
            }
            let weight = match (share, target.weight) {
                (Some(share), Some(weight)) => Some(share.saturating_mul(weight).min(1_000_000)),
                (share, weight) => share.or(weight),
            };
            if let Some(provider) = &target.provider {
                let (provider, model, through) = (provider.clone(), target.model.clone(), way.clone());
                found.push(Target { provider, model, weight, through });
            } else if let Some(other) = self.model_aliases.iter().find(|other| other.name == target.model) {
                way.push(other.name.clone());
                self.flatten(other, weight, way, found);
                way.pop();
            }
        }
    }
}

/// Where an alias stands in the file, for what can be judged only when all are read.
struct Place<'a> {
    name: Field<'a>,
    /// The model of each target.
    models: Vec<Option<Field<'a>>>,
}

/// Reads `model_aliases` and judges the whole; the providers of `config` are read already.
pub(super) fn read_all(field: &Field<'_>, config: &mut Config) {
    let mut places: Vec<Place<'_>> = Vec::new();
    for element in field.elements("an array of tables (`[[model_aliases]]`)") {
        let Some(section) = element.section() else { continue };
        let (alias, place) = read(section, &element, config);
        config.model_aliases.push(alias);
        places.push(place);
    }
    // Of two with one name the first counts.
    let mut all = ByName::new();
    for alias in &config.model_aliases {
        all.entry(&alias.name).or_insert(alias);
    }
    let mut is_sound = true;
    for (alias, place) in config.model_aliases.iter().zip(&places) {
        for (target, model) in alias.targets.iter().zip(&place.models) {
            let Some(model) = model.as_ref().filter(|_| target.provider.is_none()) else { continue };
            is_sound &= check_reference(alias, target, model, &all);
        }
    }
    for (alias, place) in config.model_aliases.iter().zip(&places).filter(|_| is_sound) {
        if count(alias, &all, 0) > MOST_TARGETS {
            place.name.refuse(
                format!(
                    "alias `{}` leads to more than {MOST_TARGETS} targets, or through more than {MOST_STEPS} aliases",
                    shorten(&alias.name)
                ),
                "name fewer",
            );
        }
    }
}

/// Judges the active profile, and tells of aliases that have nothing for it.
pub(super) fn read_profile(field: &Field<'_>, aliases: Option<&Field<'_>>, config: &mut Config) {
    let Some(name) = field.string() else { return };
    let profiles = config.profiles();
    if !profiles.contains(name) {
        let advice = match closest(name, profiles.iter().copied()) {
            Some(known) => format!("did you mean \"{known}\"?"),
            None if profiles.is_empty() => format!(
                "add targets with `profile = \"{}\"` to `[[model_aliases]]`, or remove this line",
                shorten(name)
            ),
            None => format!("write one of: {}", profiles.into_iter().map(shorten).collect::<Vec<_>>().join(", ")),
        };
        field.refuse(format!("no alias has the profile `{}`", shorten(name)), advice);
        return;
    }
    let elements = aliases.map(|field| field.elements("")).unwrap_or_default();
    for (alias, element) in config.model_aliases.iter().zip(elements) {
        if let (Some(instead), false) = alias.profile(Some(name)) {
            element.doubt(
                format!("alias `{}` has no target in the active profile `{}`", shorten(&alias.name), shorten(name)),
                format!("it falls back to its first profile, `{}`; give it a target of `{name}`", shorten(instead)),
            );
        }
    }
    config.active_model_profile = Some(name.to_owned());
}

fn read<'a>(mut section: Section<'a>, element: &Field<'a>, config: &Config) -> (AliasConfig, Place<'a>) {
    let mut alias = AliasConfig::default();
    let name = section.take("name");
    match &name {
        None => section.report.error(
            section.span.clone(),
            &section.path_of("name"),
            "this alias has no `name`".to_owned(),
            "add `name = \"chat\"`".to_owned(),
        ),
        Some(field) => alias.name = read_name(field, config),
    }
    if let Some(field) = section.take("lossy")
        && let Some(text) = field.string()
    {
        match text.parse() {
            Ok(lossy) => alias.lossy = Some(lossy),
            Err(e) => field.refuse(format!("`{}` is not known", shorten(text)), format!("{e}")),
        }
    }
    alias.order = section.take("order").and_then(|field| read_order(&field));
    let targets = section.take("targets");
    let mut models = Vec::new();
    for target in targets.iter().flat_map(|field| field.elements("an array of tables (`[[model_aliases.targets]]`)")) {
        let Some(section) = target.section() else { continue };
        let (target, model) = read_target(section, config);
        alias.targets.push(target);
        models.push(model);
    }
    if alias.targets.is_empty() && targets.as_ref().is_none_or(|field| field.value.is_array()) {
        let at = name.as_ref().map_or_else(|| section.span.clone(), |field| field.span.clone());
        section.report.error(
            at,
            &section.path_of("targets"),
            format!("alias `{}` has no targets", shorten(&alias.name)),
            "add a `[[model_aliases.targets]]` table with `provider` and `model`".to_owned(),
        );
    }
    section.finish();
    (alias, Place { name: name.unwrap_or_else(|| element.clone()), models })
}

fn read_name(field: &Field<'_>, config: &Config) -> String {
    let Some(name) = field.string() else { return String::new() };
    let shown = shorten(name);
    if name.is_empty() || name.chars().count() > 256 || name.chars().any(char::is_control) {
        field.refuse(format!("`{shown}` is no alias"), "use 1 to 256 characters without control characters");
    } else if config.model_aliases.iter().any(|other| other.name == name) {
        field.refuse(format!("there is already an alias `{shown}`"), "give each alias its own name");
    } else if config.providers.iter().any(|provider| provider.name == name) {
        field.doubt(format!("alias `{shown}` is called like a provider"), "choose a name that cannot be mistaken");
    } else if let Some((prefix, _)) = name.split_once('/')
        && config.providers.iter().any(|provider| provider.name == prefix)
    {
        field.doubt(
            format!("alias `{shown}` hides the model of that name of provider `{prefix}`"),
            "choose another name unless that is meant",
        );
    }
    name.to_owned()
}

fn read_target<'a>(mut section: Section<'a>, config: &Config) -> (TargetConfig, Option<Field<'a>>) {
    let mut target = TargetConfig::default();
    if let Some(field) = section.take("profile")
        && let Some(profile) = field.string()
    {
        if profile.is_empty() || profile.len() > 64 || profile.chars().any(char::is_control) {
            field.refuse(
                format!("`{}` is no profile", shorten(profile)),
                "use 1 to 64 characters without control characters",
            );
        }
        target.profile = Some(profile.to_owned());
    }
    if let Some(field) = section.take("provider") {
        // Something stands there, so the model is no other alias.
        target.provider = Some(field.string().unwrap_or_default().to_owned());
        if let Some(name) = field.string() {
            config.check_provider(&field, name, "this target names no provider", "provider");
        }
    }
    let model = section.take("model");
    match &model {
        None => section.report.error(
            section.span.clone(),
            &section.path_of("model"),
            "this target has no `model`".to_owned(),
            "add `model = \"qwen2.5:14b\"`".to_owned(),
        ),
        Some(field) => {
            let id = field.string().unwrap_or_default();
            if id.len() > 256 || id.chars().any(char::is_control) || (id.is_empty() && field.value.is_str()) {
                field.refuse("this is no model id", "write the id that the provider uses");
            }
            id.clone_into(&mut target.model);
        }
    }
    target.weight = section.weight("weight");
    section.finish();
    let model = model.filter(|_| !target.model.is_empty());
    (target, model)
}

/// Judges a target that names another alias. Says whether it leads on to an end.
fn check_reference(alias: &AliasConfig, target: &TargetConfig, model: &Field<'_>, all: &ByName<'_>) -> bool {
    if !all.contains_key(target.model.as_str()) {
        let others = all.keys().copied().filter(|name| *name != alias.name);
        let advice = match closest(&target.model, others) {
            Some(known) => format!("did you mean \"{known}\"? For a model itself add `provider`"),
            None => "add `provider`, or name another alias".to_owned(),
        };
        model.refuse(format!("`{}` is no alias, and no `provider` is given", shorten(&target.model)), advice);
        return false;
    }
    let Some(chain) = way_back(&alias.name, &target.model, all) else { return true };
    let chain: Vec<_> = chain.into_iter().map(shorten).collect();
    model.refuse(
        format!("alias `{}` leads back to itself: {}", shorten(&alias.name), chain.join(" → ")),
        "give one of these targets a `provider`",
    );
    false
}

/// The shortest way from `home` by `first` back to `home`, if there is one.
fn way_back<'a>(home: &'a str, first: &'a str, all: &ByName<'a>) -> Option<Vec<&'a str>> {
    let mut came_from = BTreeMap::from([(first, home)]);
    let mut next = VecDeque::from([first]);
    while let Some(name) = next.pop_front() {
        if name == home {
            let mut chain = vec![home];
            let mut at = *came_from.get(home)?;
            while at != home {
                chain.push(at);
                at = came_from.get(at)?;
            }
            chain.push(home);
            chain.reverse();
            return Some(chain);
        }
        for target in all.get(name).iter().flat_map(|alias| &alias.targets).filter(|t| t.provider.is_none()) {
            if !came_from.contains_key(target.model.as_str()) {
                came_from.insert(&target.model, name);
                next.push_back(&target.model);
            }
        }
    }
    None
}

/// How many targets of any profile `alias` leads to; too many where it leads through too many aliases. There are no
/// loops.
fn count(alias: &AliasConfig, all: &ByName<'_>, depth: usize) -> usize {
    if depth > MOST_STEPS {
        return MOST_TARGETS + 1;
    }
    let mut sum = 0;
    for target in &alias.targets {
        let other = all.get(target.model.as_str()).filter(|_| target.provider.is_none());
        sum += other.map_or(1, |other| count(other, all, depth + 1));
        if sum > MOST_TARGETS {
            break;
        }
    }
    sum
}
