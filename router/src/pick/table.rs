//! Every name that clients may use, with the endpoints that it stands for: built when something changes, then only read.

use std::collections::HashMap;
use std::sync::Arc;

use super::endpoint::Endpoint;
use super::name::{How, Names, Provider, Unknown};
use super::order::{Candidate, Candidates, Criterion};

/// An alias to put into a [`Table`].
#[derive(Clone, Debug)]
pub struct Alias {
    /// The name.
    pub name: String,
    /// What decides between its targets, where that is not what decides everywhere.
    pub order: Option<Arc<[Criterion]>>,
    /// Its targets, in order. Once one has a weight, all of them share the traffic by weight.
    pub targets: Vec<Target>,
}

/// One target of an [`Alias`].
#[derive(Clone, Debug)]
pub struct Target {
    /// The provider's place in the list.
    pub provider: usize,
    /// The model as the provider knows it.
    pub model: String,
    /// Its share.
    pub weight: Option<u32>,
}

/// A provider to put into a [`Table`].
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name and the models that it lists.
    pub provider: Provider,
    /// The models that it is known to have, whatever it lists.
    pub declared: Vec<String>,
    /// How many credentials there are for it; none counts as one that is empty.
    pub credentials: usize,
}

/// What a table is built from.
pub struct Parts<'a> {
    /// The providers.
    pub providers: Vec<Member>,
    /// The aliases.
    pub aliases: Vec<Alias>,
    /// The default provider's name.
    pub default: Option<&'a str>,
    /// What decides between endpoints.
    pub order: Arc<[Criterion]>,
    /// A random number, the same for the life of the process: who asks must not know which names that nobody listed
    /// share their fate.
    pub seed: u64,
}

/// A name that was found.
#[derive(Clone, Copy, Debug)]
pub struct Found<'t, 'm> {
    /// By which rule.
    pub how: How,
    /// Who may serve it.
    pub candidates: &'t Arc<Candidates>,
    /// The alias, by its place in [`Parts::aliases`].
    pub alias: Option<usize>,
    /// The model to ask for where an endpoint has no name for it.
    pub model: &'m str,
}

/// One provider's own names.
#[derive(Debug)]
struct Own {
    models: HashMap<Box<str>, Arc<Candidates>>,
    /// For names that it may know although nobody listed them: a few, so that one that fails does not shut all of them.
    other: [Arc<Candidates>; OTHERS],
    seed: u64,
}

/// What a share of 1 is multiplied by, so that it can be divided among keys.
const SHARE: u32 = 4_000;

/// So many groups names are put in that nobody listed.
const OTHERS: usize = 64;

impl Own {
    fn of(&self, model: &str) -> &Arc<Candidates> {
        self.models.get(model).unwrap_or_else(|| {
            let group = model.bytes().fold(self.seed, |hash, byte| super::mix(hash ^ u64::from(byte)));
            let [first, ..] = &self.other;
            self.other.get(group as usize % OTHERS).unwrap_or(first)
        })
    }
}

/// Every name with its endpoints.
#[derive(Debug)]
pub struct Table {
    names: Names,
    places: HashMap<Box<str>, usize>,
    enabled: Vec<bool>,
    aliases: HashMap<Box<str>, (usize, Arc<Candidates>)>,
    listed: HashMap<Box<str>, Arc<Candidates>>,
    own: Vec<Own>,
}

impl Table {
    /// Builds the table; `endpoint` makes the endpoint of a provider, one of its credentials and a model, of which the
    /// name begins with a line feed for groups of those that nobody listed.
    pub fn new(parts: Parts<'_>, mut endpoint: impl FnMut(usize, usize, &str) -> Endpoint) -> Self {
        let Parts { providers, aliases, default, order, seed } = parts;
        let mut made: HashMap<(usize, String), Vec<Arc<Endpoint>>> = HashMap::new();
        let credentials: Vec<usize> = providers.iter().map(|member| member.credentials.max(1)).collect();
        let mut make = |provider: usize, model: &str| -> Vec<Arc<Endpoint>> {
            let count = credentials.get(provider).copied().unwrap_or(1);
            let all = || (0..count).map(|credential| Arc::new(endpoint(provider, credential, model))).collect();
            made.entry((provider, model.to_owned())).or_insert_with(all).clone()
        };
        let ranked = |endpoints: Vec<Arc<Endpoint>>, rank: u32, weight: u32| {
            endpoints.into_iter().map(move |endpoint| Candidate { endpoint, rank, weight })
        };
        let is_default = |at: usize| providers.get(at).is_some_and(|m| Some(m.provider.name.as_str()) == default);

        let mut by_model: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, member) in providers.iter().enumerate().filter(|(_, member)| member.provider.enabled) {
            for model in member.provider.listed.iter().flatten().chain(&member.declared) {
                let at_model = by_model.entry(model).or_default();
                if at_model.last() != Some(&at) {
                    at_model.push(at);
                }
            }
        }
        let mut own: Vec<Own> = (0..providers.len())
            .map(|at| {
                let other = std::array::from_fn(|group| {
                    let unnamed =
                        |endpoint: Arc<Endpoint>| Arc::new(Endpoint { model: "".into(), ..(*endpoint).clone() });
                    // No model's name has such a character.
                    let endpoints = make(at, &format!("\n{group}")).into_iter().map(unnamed).collect();
                    Arc::new(Candidates::new(ranked(endpoints, 0, 1).collect(), Arc::clone(&order)))
                });
                Own { models: HashMap::new(), other, seed }
            })
            .collect();
        let mut listed = HashMap::new();
        for (model, at) in by_model {
            // Who asks for a model without saying whose gets the default provider's, and another's in its place.
            let rank = |at: usize| u32::from(!is_default(at));
            let least = at.iter().map(|at| rank(*at)).min().unwrap_or(0);
            let all = at.iter().flat_map(|at| ranked(make(*at, model), rank(*at) - least, 1)).collect();
            let all = Arc::new(Candidates::new(all, Arc::clone(&order)));
            for provider in &at {
                let Some(own) = own.get_mut(*provider) else { continue };
                let candidates = match at.len() {
                    1 => Arc::clone(&all),
                    _ => Arc::new(Candidates::new(ranked(make(*provider, model), 0, 1).collect(), Arc::clone(&order))),
                };
                own.models.insert(model.into(), candidates);
            }
            listed.insert(model.into(), all);
        }
        let aliases = aliases.into_iter().enumerate().map(|(number, alias)| {
            let is_split = alias.targets.iter().any(|target| target.weight.is_some());
            let mut list = Vec::new();
            for (place, target) in alias.targets.iter().enumerate() {
                if providers.get(target.provider).is_some_and(|member| member.provider.enabled) {
                    let rank = if is_split { 0 } else { u32::try_from(place).unwrap_or(u32::MAX) };
                    let endpoints = make(target.provider, &target.model);
                    // A target has its share whatever the number of its keys.
                    let keys: u32 = endpoints.iter().fold(0, |sum, e| sum.saturating_add(e.weight.max(1)));
                    let share = target.weight.unwrap_or(1).saturating_mul(SHARE) / keys.max(1);
                    list.extend(ranked(endpoints, rank, if is_split { share.max(1) } else { 1 }));
                }
            }
            let order = alias.order.unwrap_or_else(|| Arc::clone(&order));
            let order = if is_split { split_by_weight(&order) } else { order };
            (alias.name.into(), (number, Arc::new(Candidates::new(list, order))))
        });
        let aliases = aliases.collect();
        let places = providers.iter().enumerate().map(|(at, m)| (m.provider.name.as_str().into(), at)).collect();
        let enabled = providers.iter().map(|member| member.provider.enabled).collect();
        let names = Names::new(providers.into_iter().map(|member| member.provider).collect(), default);
        Self { names, places, enabled, aliases, listed, own }
    }

    /// What `asked` stands for.
    ///
    /// # Errors
    ///
    /// That it stands for nothing here, with the closest names.
    pub fn resolve<'t, 'm>(&'t self, asked: &'m str) -> Result<Found<'t, 'm>, Unknown> {
        if let Some((alias, candidates)) = self.aliases.get(asked) {
            return Ok(Found { how: How::Alias, candidates, alias: Some(*alias), model: asked });
        }
        let found = |how, candidates, model| Ok(Found { how, candidates, alias: None, model });
        if let Some((prefix, model)) = asked.split_once('/').filter(|(_, model)| !model.is_empty())
            && let Some(at) = self.places.get(prefix)
            && self.enabled.get(*at) == Some(&true)
            && let Some(own) = self.own.get(*at)
        {
            return found(How::Prefix, own.of(model), model);
        }
        if let Some(candidates) = self.listed.get(asked) {
            return found(How::Listed, candidates, asked);
        }
        let picked = match self.names.resolve(asked) {
            Err(Unknown::Model(closest)) => return Err(Unknown::Model(self.with_aliases(asked, closest))),
            picked => picked?,
        };
        let own = self.own.get(picked.provider).ok_or(Unknown::NoProvider)?;
        found(picked.how, own.of(picked.model), picked.model)
    }

    /// An endpoint of the provider at `provider`, whichever.
    pub fn any_of(&self, provider: usize) -> Option<&Arc<Endpoint>> {
        self.own.get(provider)?.of("").list().first().map(|candidate| &candidate.endpoint)
    }

    /// Every alias.
    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        self.aliases.keys().map(AsRef::as_ref)
    }

    /// Endpoints of the provider at `provider`, one for each of its credentials, whatever the model.
    pub fn of_provider(&self, provider: usize) -> Option<&Arc<Candidates>> {
        self.own.get(provider).map(|own| own.of(""))
    }

    /// The names without endpoints.
    pub const fn names(&self) -> &Names {
        &self.names
    }

    /// Every endpoint, each once.
    pub fn endpoints(&self) -> Vec<&Arc<Endpoint>> {
        let all = self.aliases.values().map(|(_, c)| c).chain(self.listed.values());
        let all = all.chain(self.own.iter().flat_map(|own| own.models.values().chain(&own.other)));
        let mut endpoints: Vec<_> = all.flat_map(|c| c.list().iter().map(|c| &c.endpoint)).collect();
        endpoints.sort_by_key(|e| (e.provider, e.model.clone(), e.credential, e.state.id));
        endpoints.dedup_by_key(|e| e.state.id);
        endpoints
    }

    fn with_aliases(&self, asked: &str, mut closest: Vec<String>) -> Vec<String> {
        let score = |alias: &str| strsim::jaro_winkler(asked, alias);
        if asked.len() <= crate::peek::MAX_MODEL_BYTES
            && let Some(alias) = self.aliases.keys().max_by(|a, b| score(a).total_cmp(&score(b)).then_with(|| b.cmp(a)))
            && score(alias) > 0.6
        {
            closest.insert(0, alias.to_string());
            closest.truncate(3);
        }
        closest
    }
}

/// Weights mean something only where nothing before them always decides.
fn split_by_weight(order: &[Criterion]) -> Arc<[Criterion]> {
    let mut order: Vec<Criterion> = order.to_vec();
    if !order.contains(&Criterion::Weighted) {
        let decider = |c: &Criterion| matches!(c, Criterion::Latency | Criterion::RoundRobin | Criterion::Quota);
        // The operator said how traffic is to be split, so neither priority, price nor speed may say otherwise.
        order.retain(|c| !matches!(c, Criterion::Price | Criterion::Priority));
        let at = order.iter().position(decider).unwrap_or(order.len());
        order.insert(at, Criterion::Weighted);
    }
    order.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pick::registry::{Identity, Registry};

    fn table(default: Option<&str>) -> Table {
        seeded(default, 5)
    }

    fn seeded(default: Option<&str>, seed: u64) -> Table {
        let provider = |name: &str, enabled: bool, listed: Option<&[&str]>| {
            let listed = listed.map(|list| list.iter().map(|m| (*m).to_owned()).collect());
            Provider { name: name.to_owned(), enabled, listed }
        };
        let member = |provider, credentials| Member { provider, declared: Vec::new(), credentials };
        let providers = vec![
            member(provider("a", true, Some(&["m", "only-a", "org/x"])), 1),
            member(provider("b", true, Some(&["m"])), 2),
            member(provider("off", false, Some(&["m", "only-off"])), 1),
            member(provider("c", true, None), 1),
        ];
        let target = |provider, model: &str, weight| Target { provider, model: model.to_owned(), weight };
        let aliases = vec![
            Alias {
                name: "chat".into(),
                order: None,
                targets: vec![target(1, "big", None), target(2, "x", None), target(0, "m", None)],
            },
            Alias {
                name: "a/only-a".into(),
                order: None,
                targets: vec![target(3, "z", Some(3)), target(0, "m", None)],
            },
        ];
        let mut registry = Registry::default();
        Table::new(
            Parts { providers, aliases, default, order: Criterion::USUAL.into(), seed },
            |provider, credential, model| {
                let (line, key) = (provider.to_string(), credential.to_string());
                registry.endpoint(provider, credential, Identity { line: &line, key: &key, model })
            },
        )
    }

    fn found(table: &Table, asked: &str) -> Result<(How, String), Unknown> {
        table.resolve(asked).map(|found| {
            let show = |c: &Candidate| {
                format!(
                    "{}.{}/{} r{} w{}",
                    c.endpoint.provider, c.endpoint.credential, c.endpoint.model, c.rank, c.weight
                )
            };
            (found.how, found.candidates.list().iter().map(show).collect::<Vec<_>>().join(", "))
        })
    }

    #[test]
    fn every_rule_finds_its_endpoints() {
        let table = table(None);
        let of = |asked: &str| found(&table, asked).unwrap();
        assert_eq!(of("chat"), (How::Alias, "1.0/big r0 w1, 1.1/big r0 w1, 0.0/m r2 w1".into()));
        // An alias goes before every other name, and what it hides is still reached by the name alone.
        assert_eq!(of("a/only-a"), (How::Alias, "3.0/z r0 w12000, 0.0/m r0 w4000".into()));
        assert_eq!(of("only-a"), (How::Listed, "0.0/only-a r0 w1".into()));
        assert_eq!(of("m"), (How::Listed, "0.0/m r0 w1, 1.0/m r0 w1, 1.1/m r0 w1".into()));
        assert_eq!(of("b/m"), (How::Prefix, "1.0/m r0 w1, 1.1/m r0 w1".into()));
        assert_eq!(of("b/unlisted"), (How::Prefix, "1.0/ r0 w1, 1.1/ r0 w1".into()));
        assert_eq!(of("org/x"), (How::Listed, "0.0/org/x r0 w1".into()));
        assert_eq!(of("anything"), (How::First, "3.0/ r0 w1".into()));
        assert_eq!(found(&table, "off/m"), Err(Unknown::Disabled("off".into())));
        assert_eq!(found(&table, "zz/zzzz"), Err(Unknown::Model(vec![])));
        assert_eq!(found(&table, "x/chat"), Err(Unknown::Model(vec!["chat".into()])));
        assert_eq!(table.resolve("b/unlisted").unwrap().model, "unlisted");
    }

    #[test]
    fn the_default_provider_goes_before_others_that_list_the_model() {
        let table = table(Some("b"));
        assert_eq!(found(&table, "m").unwrap().1, "1.0/m r0 w1, 1.1/m r0 w1, 0.0/m r1 w1");
        assert_eq!(found(&table, "only-a").unwrap().1, "0.0/only-a r0 w1");
        assert_eq!(found(&table, "anything"), Ok((How::Default, "1.0/ r0 w1, 1.1/ r0 w1".into())));
    }

    #[test]
    fn weights_split_whatever_the_order_says_of_speed_and_price() {
        let table = table(None);
        let split = table.resolve("a/only-a").unwrap().candidates.order().to_vec();
        assert_eq!(split, [Criterion::Affinity, Criterion::Weighted, Criterion::Latency]);
        assert_eq!(table.endpoints().len(), 3 + 2 * 2 + 1 + 5 * OTHERS);
    }

    #[test]
    fn who_shares_the_fate_of_a_name_that_nobody_listed_cannot_be_known() {
        let group = |table: &Table, name: &str| table.own[3].of(name).list()[0].endpoint.state.id;
        let (one, two) = (seeded(None, 1), seeded(None, 2));
        let names: Vec<String> = (0..2_000).map(|n| format!("fine-tune-{n}")).collect();
        let with = |table: &Table| -> Vec<&String> {
            names.iter().filter(|name| group(table, name) == group(table, "mine")).collect()
        };
        let (of_one, of_two) = (with(&one), with(&two));
        assert!((12..60).contains(&of_one.len()), "{}", of_one.len());
        assert!(of_one.iter().filter(|name| of_two.contains(name)).count() < 6);
        assert_eq!(of_one, with(&seeded(None, 1)));
    }
}
