//! Whoever is no admin sees what lies below itself: by no filter, count, list or name anything else.

use std::collections::BTreeSet;

use tokenrouter_shared::Role;
use tokenrouter_shared::figures::{Dimension, Sort, Spread};
use tokenrouter_shared::report::{Measure, Report};
use tokenrouter_shared::usage_of::UsageGroup;
use torod::access::{Operator, TokenIndex};
use torod::calendar::Zone;
use torod::reports::asked::{Asked, Choice, Grouping, Scope, SpreadOf};
use torod::reports::export::{Export, Form};
use torod::reports::own;
use torod::reports::span::Span;
use torod::reports::{ReportError, cache, dimensions, errors, figures, movers, requests};
use torod::store::tokens::TokenRow;
use torod::store::{Connection, schema};
use torod::usage::Record;

use super::world::{key, totals};
use super::{make_tokens, some, write};

const NOW_MS: i64 = 1_795_100_400_000;

/// The token with number 2: above it lies 1, below it 3.
fn keymaster() -> Operator {
    let rows: Vec<TokenRow> = (1..=4_u8)
        .map(|id| TokenRow {
            id: id.into(),
            digest: [id; 32],
            parent_id: (2..=3).contains(&id).then(|| i64::from(id) - 1),
            run: id == 3,
            ..TokenRow::new(&format!("tok_{id}"), if id == 1 { Role::Admin } else { Role::Keymaster })
        })
        .collect();
    Operator::Token(TokenIndex::new(&rows).by_id(2).unwrap())
}

fn asked(choices: &[(&str, &str)]) -> Asked {
    let zone = Zone::utc();
    let choices = choices.iter().map(|(name, value)| Choice::typed(name, value, false).unwrap()).collect();
    Asked { span: Span::named("30d", &zone, NOW_MS).unwrap(), zone, choices }
}

fn scope(connection: &Connection, asked: &Asked) -> Result<Scope, ReportError> {
    let by = keymaster();
    Scope::new(connection, &asked.choices, by.root(), &by, NOW_MS)
}

fn is_below(record: &Record) -> bool {
    [2, 3].contains(&record.token_id)
}

#[test]
fn a_keymaster_sees_its_own_subtree_in_every_report() {
    let temp = tempfile::tempdir().unwrap();
    make_tokens(temp.path());
    let records = some(23, 500, NOW_MS, 20);
    write(temp.path(), &records);
    let connection = schema::open_reader(temp.path()).unwrap();
    let all = asked(&[]);
    let scope = scope(&connection, &all).unwrap();
    let expected = totals(records.iter().filter(|record| is_below(record)));
    assert!(expected.attempts > 100 && expected.attempts < totals(records.iter()).attempts);
    for dimension in Dimension::ALL {
        let grouping = Grouping { by: vec![dimension.clone()], ..Grouping::default() };
        let of = figures::report(&connection, &all, &scope, &grouping, Sort::Cost, 1_000);
        if [Dimension::Credential, Dimension::Subtree].contains(&dimension) {
            assert!(matches!(of, Err(ReportError::Unclear(_))), "{dimension}");
            assert!(dimensions::page(&connection, &all, &scope, &dimension, None, None, 500).is_err(), "{dimension}");
            continue;
        }
        let of = of.unwrap();
        assert_eq!(of.total, expected, "{dimension}");
        let told: BTreeSet<Option<String>> = of.rows.into_iter().flat_map(|row| row.key).collect();
        let own: BTreeSet<Option<String>> =
            records.iter().filter(|record| is_below(record)).map(|record| key(record, &dimension)).collect();
        assert_eq!(told, own, "{dimension}");
        let page = dimensions::page(&connection, &all, &scope, &dimension, None, None, 500).unwrap();
        let values: BTreeSet<String> = page.values.into_iter().map(|value| value.value).collect();
        assert_eq!(values, own.into_iter().map(Option::unwrap_or_default).collect(), "{dimension}");
    }
    let grouping = Grouping { by: vec![Dimension::Model], ..Grouping::default() };
    let each = figures::report(&connection, &all, &scope, &grouping, Sort::Cost, 1_000).unwrap();
    assert!(each.rows.iter().any(|row| row.spread.total.is_some()) && each.spread.total.is_some());
    for (spread, has_total) in [(SpreadOf::Total, true), (SpreadOf::None, false)] {
        let less = Grouping { spread, ..grouping.clone() };
        let less = figures::report(&connection, &all, &scope, &less, Sort::Cost, 1_000).unwrap();
        let sums = |of: &Report| of.rows.iter().map(|row| (row.key.clone(), row.totals)).collect::<Vec<_>>();
        assert_eq!((sums(&less), less.total), (sums(&each), each.total));
        assert!(less.rows.iter().all(|row| row.spread == Spread::default()));
        assert_eq!(less.spread, if has_total { each.spread } else { Spread::default() });
    }
    let by = [Dimension::Token];
    assert_eq!(movers::report(&connection, &all, &scope, &by, Measure::Cost, 9).unwrap().now, expected);
    assert_eq!(cache::report(&connection, &all, &scope, &by, 9).unwrap().total, expected);
    let failed = errors::report(&connection, &all, &scope, 1_000).unwrap();
    assert_eq!((failed.failures, failed.attempts), (expected.failures, expected.attempts));
    assert_eq!(failed.rows.iter().map(|row| row.failures).sum::<u64>(), expected.failures);
    let page = requests::page(&connection, &all, &scope, None, 200).unwrap();
    assert!(page.next.is_none() || page.requests.len() == 200);
    let attempts: Vec<_> = page.requests.iter().flat_map(|request| &request.attempts).collect();
    assert!(attempts.iter().all(|one| ["tok_2", "tok_3"].contains(&one.token.as_deref().unwrap_or_default())));
    assert!(attempts.iter().all(|one| one.credential.is_none()), "keys of providers are for admins");
    let mut export = Export::new(&scope, all.span.since_ms, all.span.until_ms, Form::Json);
    let mut lines = 0;
    while let Some(piece) = export.next(&connection).unwrap() {
        let text = String::from_utf8(piece).unwrap();
        assert!(!text.contains("\"tok_1\"") && !text.contains("\"credential\""), "{text}");
        lines += text.lines().count() as u64;
    }
    assert_eq!(lines, expected.attempts);
}

#[test]
fn no_filter_leads_to_what_lies_elsewhere() {
    let temp = tempfile::tempdir().unwrap();
    make_tokens(temp.path());
    let records = some(29, 300, NOW_MS, 20);
    write(temp.path(), &records);
    let connection = schema::open_reader(temp.path()).unwrap();
    for other in ["tok_1", "tok_4", "tok_9", "nobody"] {
        for name in ["token", "run"] {
            let refused = scope(&connection, &asked(&[(name, other)]));
            assert!(matches!(refused, Err(ReportError::Issue(_))), "{name} {other}");
        }
    }
    assert!(scope(&connection, &asked(&[("credential", "name-1")])).is_err());
    for filters in [
        &[("address", "10.0.0.1")][..],
        &[("session", "session-1")],
        &[("token", "tok_2")],
        &[("token", "tok_3"), ("model", "name-2")],
        &[("token", "")],
        &[("label", "team=red")],
        &[("agent", "name-1")],
    ] {
        let asked = asked(filters);
        let scope = scope(&connection, &asked).unwrap();
        let grouping = Grouping { by: vec![Dimension::Token], ..Grouping::default() };
        let of = figures::report(&connection, &asked, &scope, &grouping, Sort::Cost, 100).unwrap();
        assert!(of.rows.iter().all(|row| row.key[0] == Some("tok_2".into()) || row.key[0] == Some("tok_3".into())));
        let own = records.iter().filter(|record| is_below(record)).count() as u64;
        assert!(of.total.attempts <= own, "{filters:?}");
    }
    let by = keymaster();
    for record in records.iter().take(200) {
        let shown = requests::show(&connection, &record.exchange_id.to_string(), by.root(), false);
        assert_eq!(shown.is_ok(), is_below(record), "{:?}", record.exchange_id);
    }
}

#[test]
fn what_a_token_asks_about_itself_agrees_with_the_reports() {
    let temp = tempfile::tempdir().unwrap();
    make_tokens(temp.path());
    let records = some(31, 400, NOW_MS, 20);
    write(temp.path(), &records);
    let connection = schema::open_reader(temp.path()).unwrap();
    let by = keymaster();
    let question = |group, choices| own::Asked {
        by: group,
        since_ms: NOW_MS - 30 * super::DAY_MS,
        until_ms: NOW_MS,
        time_zone: "Europe/Berlin".into(),
        token: None,
        choices,
        step: Some(tokenrouter_shared::figures::StepUnit::Week),
        limit: 1_000,
    };
    let expected = totals(records.iter().filter(|record| is_below(record)));
    for group in UsageGroup::ALL {
        let of = own::usage(&connection, &question(group, Vec::new()), &by, NOW_MS).unwrap();
        let sum = |lines: &[tokenrouter_shared::usage_of::UsageLine]| {
            lines.iter().fold((0, 0), |sum, line| (sum.0 + line.totals.requests, sum.1 + line.totals.cost_nanos))
        };
        assert_eq!((of.total.requests, of.total.cost_nanos), (expected.requests, expected.cost_nanos), "{group}");
        assert_eq!(sum(&of.rows), (expected.requests, expected.cost_nanos), "{group}");
        assert_eq!(sum(of.series.as_deref().unwrap()), (expected.requests, expected.cost_nanos), "{group}");
    }
    let only = vec![Choice::typed("model", "name-1", false).unwrap()];
    let of = own::usage(&connection, &question(UsageGroup::Model, only), &by, NOW_MS).unwrap();
    let expected = totals(records.iter().filter(|record| is_below(record) && &*record.model == "name-1"));
    assert_eq!((of.rows.len(), of.total.cost_nanos), (1, expected.cost_nanos));
    // However far the end lies in the future, days have names.
    let far = own::Asked { since_ms: i64::MAX - 1, until_ms: i64::MAX, ..question(UsageGroup::Day, Vec::new()) };
    assert_eq!(own::usage(&connection, &far, &by, NOW_MS).unwrap().rows, []);
    let far = own::Asked { until_ms: i64::MAX, ..question(UsageGroup::Day, Vec::new()) };
    assert!(own::usage(&connection, &far, &by, NOW_MS).is_err(), "more than 400 days");
    let theirs = own::Asked { token: Some("tok_1".into()), ..question(UsageGroup::Model, Vec::new()) };
    assert!(own::usage(&connection, &theirs, &by, NOW_MS).is_err());
    let all = own::Asked { token: Some("*".into()), ..question(UsageGroup::Model, Vec::new()) };
    assert!(own::usage(&connection, &all, &by, NOW_MS).is_err());
}
