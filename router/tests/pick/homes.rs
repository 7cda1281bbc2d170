//! A conversation's home is the credential that holds its prompt cache, whatever becomes known of models meanwhile.

use std::sync::Arc;

use tokenrouter::pick::endpoint::Trips;
use tokenrouter::pick::mix;
use tokenrouter::pick::name::Provider;
use tokenrouter::pick::order::{Criterion, Wish};
use tokenrouter::pick::registry::{Identity, Registry};
use tokenrouter::pick::session::{Session, Sessions};
use tokenrouter::pick::table::{Alias, Member, Parts, Table, Target};

const NOW_MS: u64 = 1_000_000;

/// A provider with four credentials that lists `models`, and an alias for two of them.
fn table(registry: &mut Registry, models: Option<&[&str]>) -> Table {
    let listed = models.map(|list| list.iter().map(|model| (*model).to_owned()).collect());
    let provider = Provider { name: "p".into(), enabled: true, listed };
    let target = |model: &str| Target { provider: 0, model: model.into(), weight: Some(1) };
    let alias = Alias { name: "both".into(), order: None, targets: vec![target("m"), target("n")] };
    let parts = Parts {
        providers: vec![Member { provider, declared: Vec::new(), credentials: 4 }],
        aliases: vec![alias],
        default: None,
        order: Criterion::USUAL.into(),
        seed: 9,
    };
    Table::new(parts, |provider, credential, model| {
        registry.endpoint(provider, credential, Identity { line: "p", key: &credential.to_string(), model })
    })
}

/// The credential and the model that serve conversation `n`.
fn served(table: &Table, name: &str, n: u64, sessions: &Sessions) -> (usize, Arc<str>) {
    let candidates = table.resolve(name).unwrap().candidates;
    let trips = Trips::default();
    let (session, random) = (Some(Session(mix(n))), mix(n << 32));
    let wish = Wish {
        now_ms: NOW_MS,
        random,
        session,
        is_opening: false,
        sessions,
        tried: &[],
        fits: &|_| true,
        trips: &trips,
    };
    let at = candidates.choose(&wish).unwrap().at;
    candidates.settle(at, &wish);
    let endpoint = &candidates.list()[at].endpoint;
    (endpoint.credential, Arc::clone(&endpoint.model))
}

#[test]
fn it_stays_when_the_model_it_began_with_becomes_listed() {
    let mut registry = Registry::default();
    let before = table(&mut registry, None);
    let credential = |table: &Table, n: u64, sessions: &Sessions| served(table, "m", n, sessions).0;
    let remembered = Sessions::new(3_600_000);
    // All but one are busy, so that many do not begin where their lot says.
    let busy: Vec<_> = before.resolve("m").unwrap().candidates.list().iter().skip(1).collect();
    let calls: Vec<_> = busy.iter().flat_map(|c| (0..9).map(|_| c.endpoint.begin(None))).collect();
    let homes: Vec<usize> = (0..100).map(|n| credential(&before, n, &remembered)).collect();
    drop(calls);
    let forgotten = Sessions::new(0);
    let lots: Vec<usize> = (0..100).map(|n| credential(&before, n, &forgotten)).collect();
    assert_ne!(homes, lots);
    let after = table(&mut registry, Some(&["m", "n"]));
    assert_eq!(homes, (0..100).map(|n| credential(&after, n, &remembered)).collect::<Vec<_>>());
    assert_eq!(
        lots,
        (0..100).map(|n| credential(&after, n, &forgotten)).collect::<Vec<_>>(),
        "a lot is the credential's"
    );
}

#[test]
fn one_credential_with_two_models_is_two_homes() {
    let mut registry = Registry::default();
    let table = table(&mut registry, Some(&["m", "n"]));
    let sessions = Sessions::new(3_600_000);
    let all = || (0..200).map(|n| served(&table, "both", n, &sessions)).collect::<Vec<_>>();
    let homes = all();
    assert_eq!(homes, all());
    let mut kinds = homes;
    kinds.sort();
    kinds.dedup();
    assert_eq!(kinds.len(), 8, "{kinds:?}");
}
