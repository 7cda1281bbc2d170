//! The total, the sum of the rows, the sum of an export and the sum of the requests are one figure.

use tokenrouter_shared::attempt::{UsageAttempt, UsageRequest};
use tokenrouter_shared::figures::{Dimension, Sort, StepUnit};
use tokenrouter_shared::report::{Measure, Report};
use torod::access::Operator;
use torod::calendar::Zone;
use torod::reports::asked::{Asked, Choice, Grouping, Scope};
use torod::reports::export::{Export, Form};
use torod::reports::span::Span;
use torod::reports::{ReportError, cache, dimensions, errors, figures, forecast, movers, requests};
use torod::store::{Connection, schema};
use torod::usage::Record;

use super::world::totals;
use super::{DAY_MS, make_tokens, some, write};

/// A Thursday, 2026-11-19 15:00 UTC.
const NOW_MS: i64 = 1_795_100_400_000;

fn asked(span: &str, zone: &str, choices: &[(&str, &str, bool)]) -> Asked {
    let zone = Zone::named(zone).unwrap();
    let choices = choices.iter().map(|(name, value, not)| Choice::typed(name, value, *not).unwrap()).collect();
    Asked { span: Span::named(span, &zone, NOW_MS).unwrap(), zone, choices }
}

fn scope(connection: &Connection, asked: &Asked) -> Scope {
    Scope::new(connection, &asked.choices, None, &Operator::LocalOwner, NOW_MS).unwrap()
}

fn report(connection: &Connection, asked: &Asked, by: &[&str], most: usize) -> Report {
    let grouping = Grouping::typed(by).unwrap();
    figures::report(connection, asked, &scope(connection, asked), &grouping, Sort::Cost, most).unwrap()
}

fn exported(connection: &Connection, asked: &Asked, form: Form) -> String {
    let mut export = Export::new(&scope(connection, asked), asked.span.since_ms, asked.span.until_ms, form);
    let mut all = Vec::new();
    while let Some(piece) = export.next(connection).unwrap() {
        all.extend(piece);
    }
    String::from_utf8(all).unwrap()
}

/// Every request that matches, page by page.
fn listed(connection: &Connection, asked: &Asked, limit: usize) -> Vec<UsageRequest> {
    let (mut all, mut cursor): (Vec<UsageRequest>, Option<String>) = (Vec::new(), None);
    loop {
        let page = requests::page(connection, asked, &scope(connection, asked), cursor.as_deref(), limit).unwrap();
        assert!(page.requests.len() <= limit);
        all.extend(page.requests);
        cursor = page.next;
        if cursor.is_none() {
            return all;
        }
    }
}

/// Requests, attempts, tokens of input and output, cost, savings: by a column of an export each.
fn sums(views: &[UsageAttempt]) -> (u64, u64, u64, i64) {
    let sum = |of: fn(&UsageAttempt) -> u64| views.iter().map(of).sum::<u64>();
    (
        sum(|_| 1),
        sum(|view| view.counts.total()),
        sum(|view| view.cost_nanos),
        views.iter().map(|view| view.savings_nanos).sum(),
    )
}

fn of_totals(of: &tokenrouter_shared::figures::Totals) -> (u64, u64, u64, i64) {
    (of.attempts, of.counts.total(), of.cost_nanos, of.savings_nanos)
}

const FILTERS: [&[(&str, &str, bool)]; 10] = [
    &[],
    &[("provider", "name-1", false), ("provider", "name-2", false)],
    &[("model", "name-3", true)],
    &[("token", "tok_2", false)],
    &[("own_token", "tok_2", false), ("own_token", "tok_3", false)],
    &[("token", "tok_3", true), ("stream", "true", false)],
    &[("run", "tok_3", false), ("label", "team=red", true)],
    &[("session", "", false)],
    &[("label", "stage=1", false), ("status", "200", false)],
    &[("address", "10.0.0.1", false), ("outcome", "ok", true)],
];

#[test]
fn whatever_is_asked_total_rows_exports_and_requests_say_the_same() {
    let temp = tempfile::tempdir().unwrap();
    make_tokens(temp.path());
    let records = some(7, 900, NOW_MS, 70);
    write(temp.path(), &records);
    let connection = schema::open_reader(temp.path()).unwrap();
    for (filters, span, zone) in FILTERS.into_iter().flat_map(|filters| {
        [("10w", "UTC"), ("last-month", "Europe/Berlin"), ("week", "Asia/Kathmandu")]
            .map(|(span, zone)| (filters, span, zone))
    }) {
        let asked = asked(span, zone, filters);
        let what = format!("{filters:?} {span} {zone}");
        let total = report(&connection, &asked, &[], 10).total;
        assert!(total.attempts > 0 || span == "week", "{what}");
        for by in
            [&["model"][..], &["provider", "token"], &["session"], &["day"], &["label:team", "hour"], &["run", "week"]]
        {
            let of = report(&connection, &asked, by, 1_000);
            assert_eq!(of.total, total, "{what} {by:?}");
            assert_eq!(of.omitted, 0, "{what} {by:?}");
            let rows = of.rows.iter().fold((0, 0, 0, 0), |sum, row| {
                let row = of_totals(&row.totals);
                (sum.0 + row.0, sum.1 + row.1, sum.2 + row.2, sum.3 + row.3)
            });
            assert_eq!(rows, of_totals(&total), "{what} {by:?}");
            let json: Report = serde_json::from_str(&serde_json::to_string(&of).unwrap()).unwrap();
            assert_eq!(json, of, "exactly");
        }
        let lines = exported(&connection, &asked, Form::Json);
        let views: Vec<UsageAttempt> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(sums(&views), of_totals(&total), "{what}");
        let csv = exported(&connection, &asked, Form::Csv);
        let column = |name: &str| {
            let at = csv.lines().next().unwrap().split(',').position(|known| known == name).unwrap();
            // Labels alone have commas, and stand in quotes before all numbers.
            csv.lines().skip(1).map(move |line| fields(line).swap_remove(at)).collect::<Vec<_>>()
        };
        let sum = |name: &str| column(name).iter().map(|field| field.parse::<i64>().unwrap()).sum::<i64>();
        assert_eq!(sum("cost_nanos").unsigned_abs(), total.cost_nanos, "{what}");
        assert_eq!(sum("savings_nanos"), total.savings_nanos, "{what}");
        assert_eq!(sum("output").unsigned_abs(), total.counts.output, "{what}");
        let requests = listed(&connection, &asked, 17);
        let ids: std::collections::HashSet<&str> = requests.iter().map(|request| request.id.as_str()).collect();
        assert_eq!(ids.len(), requests.len(), "each once: {what}");
        let matching: std::collections::HashSet<&str> = views.iter().map(|view| view.request.as_str()).collect();
        assert_eq!(ids, matching, "{what}");
        let failed = errors::report(&connection, &asked, &scope(&connection, &asked), 1_000).unwrap();
        assert_eq!(failed.rows.iter().map(|row| row.failures).sum::<u64>(), total.failures, "{what}");
        let cached =
            cache::report(&connection, &asked, &scope(&connection, &asked), &[Dimension::Model], 1_000).unwrap();
        assert_eq!(cached.total, total, "{what}");
        let moved =
            movers::report(&connection, &asked, &scope(&connection, &asked), &[Dimension::Model], Measure::Cost, 1_000)
                .unwrap();
        assert_eq!(moved.now, total, "{what}");
        assert_eq!(moved.movers.iter().map(|mover| mover.change).sum::<i64>(), moved.change, "{what}");
    }
}

#[test]
fn a_token_itself_is_told_from_the_token_with_those_below_it() {
    let temp = tempfile::tempdir().unwrap();
    make_tokens(temp.path());
    write(temp.path(), &some(7, 900, NOW_MS, 70));
    let connection = schema::open_reader(temp.path()).unwrap();
    let total = |kind, id: &str| report(&connection, &asked("10w", "UTC", &[(kind, id, false)]), &[], 10).total;
    let mut parents = 0;
    for row in report(&connection, &asked("10w", "UTC", &[]), &["token"], 1_000).rows {
        let Some(id) = row.key[0].clone() else { continue };
        assert_eq!(total("own_token", &id), row.totals, "{id}");
        parents += usize::from(total("token", &id).attempts > row.totals.attempts);
    }
    assert!(parents > 0, "some have others below them that were used, too");
}

/// The fields of a line of an export.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut field, mut is_quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => fields.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    fields.push(field);
    fields
}

#[test]
fn a_request_is_told_whole_and_the_newest_first() {
    let temp = tempfile::tempdir().unwrap();
    make_tokens(temp.path());
    let records = some(3, 200, NOW_MS, 2);
    write(temp.path(), &records);
    let connection = schema::open_reader(temp.path()).unwrap();
    let all = listed(&connection, &asked("10d", "UTC", &[]), 9);
    let of =
        |id: &str| -> Vec<&Record> { records.iter().filter(|record| record.exchange_id.to_string() == id).collect() };
    for request in &all {
        let expected = of(&request.id);
        assert_eq!(request.attempts.len(), expected.len());
        assert_eq!(request.cost_nanos, expected.iter().map(|record| record.charge.nanos).sum::<u64>());
        let shown = requests::show(&connection, &request.id, None, true).unwrap();
        assert_eq!(&shown, request);
        if let Some(name) = &request.attempts[0].client_request_id {
            let named = requests::show(&connection, name, None, true).unwrap();
            assert!(named.attempts.iter().any(|attempt| attempt.client_request_id.as_ref() == Some(name)));
        }
    }
    let newest = all.iter().map(|request| request.attempts.iter().map(|one| one.id.parse::<i64>().unwrap()).max());
    assert!(newest.clone().zip(newest.skip(1)).all(|(a, b)| a > b), "the newest first");
    for wrong in ["req_0000000000000000", "nobody", "", "req_7fffffffffffffff", "'; DROP TABLE usage; --"] {
        assert!(matches!(requests::show(&connection, wrong, None, true), Err(ReportError::NoRequest(_))), "{wrong}");
    }
}

#[test]
fn days_of_every_zone_hold_each_attempt_once_also_where_clocks_are_turned() {
    let temp = tempfile::tempdir().unwrap();
    make_tokens(temp.path());
    // From before the last Sunday of October until after it.
    write(temp.path(), &some(5, 400, NOW_MS, 40));
    let connection = schema::open_reader(temp.path()).unwrap();
    for zone in ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"] {
        let asked = asked("2026-10-20..2026-11-10", zone, &[]);
        let hours = report(&connection, &asked, &["hour"], 1_000);
        let days = report(&connection, &asked, &["day"], 1_000);
        assert_eq!((days.rows.len(), days.total), (22, hours.total), "{zone}");
        assert_eq!(days.rows[0].at.as_deref(), Some("2026-10-20"), "{zone}");
        assert_eq!(days.rows[21].at.as_deref(), Some("2026-11-10"), "{zone}");
        for day in &days.rows {
            let begins = day.at_ms.unwrap();
            let zone = Zone::named(zone).unwrap();
            let same = |at: i64| zone.shown(at).date() == zone.shown(begins).date();
            let sum: u64 =
                hours.rows.iter().filter(|hour| same(hour.at_ms.unwrap())).map(|hour| hour.totals.cost_nanos).sum();
            assert_eq!(sum, day.totals.cost_nanos, "{:?}", day.at);
        }
    }
}

#[test]
fn an_empty_database_has_reports_of_nothing() {
    let temp = tempfile::tempdir().unwrap();
    drop(schema::open_writer(temp.path()).unwrap());
    let connection = schema::open_reader(temp.path()).unwrap();
    let asked = asked("month", "UTC", &[]);
    let scope = scope(&connection, &asked);
    assert_eq!(report(&connection, &asked, &["model"], 10).rows, []);
    assert_eq!(report(&connection, &asked, &["day"], 10).rows.len(), 19, "days without usage are days");
    assert_eq!(exported(&connection, &asked, Form::Json), "");
    assert_eq!(exported(&connection, &asked, Form::Csv).lines().count(), 1);
    assert_eq!(listed(&connection, &asked, 5), []);
    let outlook = forecast::report(&connection, &asked, &scope, NOW_MS).unwrap();
    assert_eq!((outlook.cost.expected, outlook.last_month_nanos, outlook.cost.days), (None, None, 0));
    let by = [Dimension::Token];
    assert_eq!(movers::report(&connection, &asked, &scope, &by, Measure::Cost, 5).unwrap().movers, []);
    assert_eq!(errors::report(&connection, &asked, &scope, 5).unwrap().rows, []);
    assert_eq!(cache::report(&connection, &asked, &scope, &by, 5).unwrap().unread.sessions, 0);
    let page = dimensions::page(&connection, &asked, &scope, &Dimension::Model, None, None, 5).unwrap();
    assert_eq!((page.values, page.next), (Vec::new(), None));
}

#[test]
fn a_forecast_counts_what_is_there_and_what_is_to_come() {
    let temp = tempfile::tempdir().unwrap();
    make_tokens(temp.path());
    let records = some(11, 700, NOW_MS, 70);
    write(temp.path(), &records);
    let connection = schema::open_reader(temp.path()).unwrap();
    let asked = asked("month", "UTC", &[]);
    let of = forecast::report(&connection, &asked, &scope(&connection, &asked), NOW_MS).unwrap();
    let so_far = report(&connection, &asked, &[], 1).total;
    assert_eq!((of.cost.spent, of.total), (so_far.cost_nanos, so_far));
    assert_eq!(of.cost.days, 28);
    // 18.6 of 30 days are over, and every day is much like another.
    let expected = of.cost.expected.unwrap();
    let even = so_far.cost_nanos / 186 * 300;
    assert!(expected > even / 10 * 7 && expected < even / 10 * 13, "{expected} and not {even}");
    assert!(of.cost.low < of.cost.expected && of.cost.expected < of.cost.high, "{of:?}");
    let last = report(&connection, &super::agree::asked("last-month", "UTC", &[]), &[], 1).total;
    assert_eq!(of.last_month_nanos, Some(last.cost_nanos));
    assert_eq!(
        totals(records.iter()).attempts,
        report(&connection, &super::agree::asked("10w", "UTC", &[]), &[], 1).total.attempts
    );
}

#[test]
fn what_is_lost_unpriced_or_estimated_is_told() {
    let temp = tempfile::tempdir().unwrap();
    make_tokens(temp.path());
    write(temp.path(), &some(13, 100, NOW_MS, 3));
    let writer = schema::open_writer(temp.path()).unwrap();
    torod::store::usage::open_gap(&writer, NOW_MS - DAY_MS, NOW_MS - DAY_MS + 5, 42).unwrap();
    let connection = schema::open_reader(temp.path()).unwrap();
    let of = report(&connection, &asked("7d", "UTC", &[]), &["model"], 100);
    assert_eq!(of.lost_records, 42);
    assert!(of.total.unpriced_attempts > 0 && of.total.unpriced_nanos <= of.total.cost_nanos);
    assert!(of.total.estimated > 0 && of.total.estimated < of.total.counts.total());
    assert_eq!(report(&connection, &asked("2026-11-01", "UTC", &[]), &[], 1).lost_records, 0);
}

#[test]
fn values_to_choose_from_come_in_pages_and_can_be_searched() {
    let temp = tempfile::tempdir().unwrap();
    make_tokens(temp.path());
    write(temp.path(), &some(17, 300, NOW_MS, 5));
    let connection = schema::open_reader(temp.path()).unwrap();
    let asked = asked("10d", "UTC", &[]);
    let scope = scope(&connection, &asked);
    for dimension in Dimension::ALL.into_iter().chain([Dimension::Label("team".into())]) {
        let whole = dimensions::page(&connection, &asked, &scope, &dimension, None, None, 500).unwrap().values;
        let (mut seen, mut cursor): (Vec<_>, Option<String>) = (Vec::new(), None);
        loop {
            let page = dimensions::page(&connection, &asked, &scope, &dimension, None, cursor.as_deref(), 2).unwrap();
            seen.extend(page.values);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, whole, "{dimension}");
        let attempts: u64 = whole.iter().map(|value| value.attempts).sum();
        assert_eq!(attempts, report(&connection, &asked, &[], 1).total.attempts, "{dimension}");
    }
    let found = dimensions::page(&connection, &asked, &scope, &Dimension::Model, Some("name-2"), None, 5).unwrap();
    assert_eq!(found.values.len(), 1);
    assert!(dimensions::page(&connection, &asked, &scope, &Dimension::Model, None, Some("x"), 5).is_err());
}

#[test]
fn steps_of_every_length_hold_the_whole() {
    let temp = tempfile::tempdir().unwrap();
    make_tokens(temp.path());
    write(temp.path(), &some(19, 200, NOW_MS, 20));
    let connection = schema::open_reader(temp.path()).unwrap();
    let asked = asked("30d", "Europe/Berlin", &[]);
    let total = report(&connection, &asked, &[], 1).total;
    for unit in StepUnit::ALL {
        let of = report(&connection, &asked, &[unit.as_str()], 1_000);
        let sum: u64 = of.rows.iter().map(|row| row.totals.cost_nanos).sum();
        assert_eq!((of.total, sum), (total, total.cost_nanos), "{unit}");
    }
}
