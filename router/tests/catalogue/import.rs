//! Newer lists are read as the embedded one was made, and refused whole when they cannot be right.

use tokenrouter::catalog::{Catalogue, ImportError, Layer, ModelSet};
use tokenrouter::price::{Rate, Unit};

/// Some entries of litellm's list (MIT, Copyright (c) 2023 Berri AI; see `docs/licences/model-data.md`).
const LIST: &str = include_str!("litellm.json");
const OURS: &str = include_str!("../../src/catalog/models.json");

/// A catalogue that knows the list and nothing else.
fn small() -> Catalogue {
    let set = Catalogue::default().import(LIST.as_bytes(), "2026-11-21").unwrap().set;
    Catalogue::default().with(Layer::Updated, set)
}

fn refused(list: &str, fetched: &str) -> ImportError {
    small().import(list.as_bytes(), fetched).map(|import| import.changes).unwrap_err()
}

#[test]
fn the_program_and_the_script_read_the_same() {
    let import = Catalogue::embedded().layer(Layer::Embedded).unwrap();
    let list = Catalogue::default().import(LIST.as_bytes(), "2026-11-21").unwrap();
    let mut compared = 0;
    for (provider, model, entry) in list.set.iter() {
        // The bare name is another model than the latest in the full list.
        let Some(embedded) = import.get(provider, model) else { panic!("{provider}/{model} is not embedded") };
        if !model.starts_with("mistral-large") || model.ends_with("-latest") {
            assert_eq!(embedded, entry, "{provider}/{model}");
            compared += 1;
        }
    }
    assert!(compared >= 25, "{compared}");
    assert_eq!(list.doubted, ["azure-ai/jais-30b-chat"]);
    // Zero that means "unknown", and zero that is meant.
    assert!(list.set.get("cohere", "command-a-plus-05-2026").unwrap().price.is_none());
    assert!(list.set.get("zai", "glm-4.7-flash").unwrap().price.as_ref().unwrap().is_free());
}

#[test]
fn what_changes_is_told_before_it_is_taken() {
    let same = small().import(LIST.as_bytes(), "2026-11-22").unwrap();
    assert_eq!((same.changes, same.added, same.missing), (vec![], vec![], vec![]));
    let dearer = LIST.replacen("\"input_cost_per_token\":2.5e-06", "\"input_cost_per_token\":2.75e-06", 1);
    assert_ne!(dearer, LIST);
    let import = small().import(dearer.as_bytes(), "2026-11-22").unwrap();
    let [change] = &import.changes[..] else { panic!("{:?}", import.changes) };
    assert_eq!((&*change.provider, &*change.model, change.unit), ("openai", "gpt-4o", Unit::Input));
    assert_eq!((change.old, change.new), (Rate::parse("2.5"), Rate::parse("2.75")));
    // Taken, it is what counts; its version is another one.
    let taken = small().with(Layer::Updated, import.set);
    let priced = taken.find("openai", "gpt-4o").price.unwrap();
    assert_eq!(priced.price.listed(Unit::Input), Rate::parse("2.75"));
    assert_ne!(priced.version, small().find("openai", "gpt-4o").price.unwrap().version);
    // Over the embedded file, half of it would be missing.
    let error = Catalogue::embedded().import(LIST.as_bytes(), "2026-11-22").map(|_| ()).unwrap_err();
    assert!(matches!(error, ImportError::TooFew { .. }), "{error}");
}

#[test]
fn our_own_format_is_taken_too() {
    let import = Catalogue::embedded().import(OURS.as_bytes(), "").unwrap();
    assert_eq!((import.changes.len(), import.added.len(), import.missing.len()), (0, 0, 0));
    assert!(import.set.version().starts_with("updated-"));
    let other = OURS.replacen("tokenrouter-models-1", "tokenrouter-models-2", 1);
    let error = Catalogue::embedded().import(other.as_bytes(), "").map(|_| ()).unwrap_err();
    assert!(matches!(&error, ImportError::Damaged(why) if why.contains("models-2")), "{error}");
}

#[test]
fn what_cannot_be_right_is_refused_whole() {
    let damaged = |list: &str| assert!(matches!(refused(list, "2026-11-22"), ImportError::Damaged(_)), "{list:.40}");
    for cut in (0..LIST.trim_end().len()).step_by(997) {
        damaged(LIST.get(..cut).unwrap_or("{"));
    }
    for nonsense in ["", "[]", "7", "null", "\"x\"", "{\"about\":{}}", "{\"about\":7,\"providers\":{}}", "{\"a\":{}} x"]
    {
        damaged(nonsense);
    }
    assert!(matches!(small().import(b"{\"a\":\"\xff\"}", "2026-11-22"), Err(ImportError::Damaged(_))));
    assert!(matches!(refused(LIST, "yesterday"), ImportError::NoDate(_)));
    assert!(matches!(refused(LIST, "2026-11-20"), ImportError::Older { .. }));
    assert!(matches!(refused("{}", "2026-11-22"), ImportError::TooFew { found: 0, .. }));
    let negative = LIST.replacen("\"input_cost_per_token\":2.5e-06", "\"input_cost_per_token\":-2.5e-06", 1);
    assert!(matches!(refused(&negative, "2026-11-22"), ImportError::Absurd(_)));
    // Per thousand instead of per token: a thousand times too dear or too cheap.
    assert!(matches!(refused(&LIST.replace("e-06", "e-03"), "2026-11-22"), ImportError::Absurd(_)));
    assert!(matches!(refused(&LIST.replace("e-06", "e-09"), "2026-11-22"), ImportError::Leap { .. }));
    let large = vec![b' '; (32 << 20) + 1];
    assert!(matches!(small().import(&large, "2026-11-22"), Err(ImportError::TooLarge(_))));
}

#[test]
fn what_is_not_believed_leaves_what_is_known() {
    let ours = OURS.replacen("\"o3\":{\"price\":{\"input\":2,", "\"o3\":{\"price\":{\"input\":2000,", 1);
    assert_ne!(ours, OURS);
    let import = Catalogue::embedded().import(ours.as_bytes(), "2026-11-22").unwrap();
    assert!(import.doubted.contains(&"azure/o3".to_owned()), "{:?}", import.doubted);
    assert!(import.changes.is_empty() && import.added.is_empty() && import.missing.is_empty());
    let taken = Catalogue::embedded().with(Layer::Updated, import.set);
    let priced = taken.find("azure", "o3").price.unwrap();
    assert_eq!((priced.price.listed(Unit::Input), priced.origin.layer), (Rate::parse("2"), Layer::Embedded));
}

#[test]
fn facts_that_change_are_told() {
    let other =
        OURS.replacen("\"context\":8192,\"output\":8192}", "\"context\":9000,\"output\":8192,\"can\":\"tools\"}", 1);
    assert_ne!(other, OURS);
    let import = Catalogue::embedded().import(other.as_bytes(), "2026-11-22").unwrap();
    let told: Vec<_> = import.facts.iter().map(|change| (change.fact, change.old, change.new)).collect();
    assert_eq!(told, [("context", Some(8_192), Some(9_000)), ("abilities", None, None)]);
    assert!(import.is_news());
    assert!(!Catalogue::embedded().import(OURS.as_bytes(), "2026-11-22").unwrap().is_news());
}

#[test]
fn nobody_has_a_list_of_the_day_after_tomorrow() {
    let made = |day: &str| OURS.replacen("\"made\": \"2026-11-21\"", &format!("\"made\": \"{day}\""), 1);
    let read = |day: &str| Catalogue::embedded().import(made(day).as_bytes(), "2026-11-30").map(|_| ());
    assert_eq!(read("2026-12-01"), Ok(()));
    assert!(matches!(read("2026-12-02"), Err(ImportError::Future { .. })));
}

#[test]
fn prices_that_are_no_numbers_are_left_out() {
    for nonsense in ["\"NaN\"", "null", "[1]", "true", "\"2.5e-06\"", "{}"] {
        let list =
            LIST.replacen("\"input_cost_per_token\":2.5e-06", &format!("\"input_cost_per_token\":{nonsense}"), 1);
        let import = small().import(list.as_bytes(), "2026-11-22").unwrap();
        assert_eq!(import.missing, ["openai/gpt-4o"], "{nonsense}");
    }
}

#[test]
fn an_older_file_of_ours_is_refused_by_its_own_date() {
    let newer = ModelSet::new("updated", "2099-01-01", []);
    let catalogue = Catalogue::embedded().with(Layer::Updated, newer);
    let error = catalogue.import(OURS.as_bytes(), "2099-12-31").map(|_| ()).unwrap_err();
    assert!(matches!(error, ImportError::Older { .. }), "{error}");
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(flips in proptest::collection::vec((proptest::prelude::any::<proptest::sample::Index>(), 0_u8..128), 1..6), ours: bool) {
        let mut bytes = if ours { SMALL.as_bytes().to_vec() } else { LIST.as_bytes().to_vec() };
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(import) = Catalogue::default().import(&bytes, "2026-11-22") {
            proptest::prop_assert!(import.set.iter().all(|(.., entry)| entry.price.as_ref().is_none_or(|price| price.lines().count() > 0)));
        }
    }
}

/// Every form that our own format has.
const SMALL: &str = r#"{"about":{"format":"tokenrouter-models-1","made":"2026-11-21","version":"x"},"providers":{"p":{
"a":{"price":{"input":1,"output":2.5,"cache_read":0.003625,"request":0.01,"above":{"200000":{"input":2}},"batch":{"input":0.5,"above":{"200000":{"input":1}}},"hours":[{"utc":"22:30-06:00 10:00-00:00","days":"67","input":0.25}],"from":{"2026-12-01":{"input":3,"output":4}}},"context":1000,"output":10,"can":"tools","cannot":"sampling","efforts":"low high","in":"text image","cache_min":5,"until":"2027-01-01"},
"b":"a","c":{"mode":"embedding"}}}}"#;

#[test]
fn our_format_has_lengths_tiers_hours_and_dates() {
    use tokenrouter::price::{Hours, ServiceTier, When};
    let set = Catalogue::default().import(SMALL.as_bytes(), "").unwrap().set;
    let price = set.get("p", "b").unwrap().price.clone().unwrap();
    let batch = When { above: 200_000, ..When::tier(ServiceTier::Batch) };
    let night = When::hours(Hours::parse("22:30-06:00").unwrap().on(&[6, 7]));
    for (when, dollars) in [(When::default(), "1"), (When::above(200_000), "2"), (batch, "1"), (night, "0.25")] {
        assert_eq!(price.listed_when(when, Unit::Input), Rate::parse(dollars), "{when:?}");
    }
    assert_eq!(price.listed(Unit::CacheRead), Rate::parse("0.003625"));
    assert_eq!(price.listed(Unit::Request), Rate::parse_each("0.01"));
    // 2026-12-01, 00:00 UTC.
    let begins = 1_796_083_200_000;
    let input = |at_ms| price.at(at_ms).listed(Unit::Input);
    assert_eq!((input(begins - 1), input(begins)), (Rate::parse("1"), Rate::parse("3")));
    for (from, to) in
        [("\"b\":\"a\"", "\"b\":\"z\""), ("\"input\":1,", "\"input\":-1,"), ("22:30-", "25:30-"), ("12-01", "13-01")]
    {
        let bad = SMALL.replacen(from, to, 1);
        assert!(matches!(Catalogue::default().import(bad.as_bytes(), ""), Err(ImportError::Damaged(_))), "{to}");
    }
}
