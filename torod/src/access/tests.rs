//! Trees of tokens that are made, changed and ended at random: what must hold of them whatever happens.

use proptest::prelude::*;
use rusqlite::Connection;
use tokenrouter_shared::change::TokenChange;
use tokenrouter_shared::limits::{Budget, BudgetUnit, Limits, Window};
use tokenrouter_shared::token::{TokenCreate, TokenRotate, TokenState};
use tokenrouter_shared::{Labels, Role};

use super::grant::state_of;
use super::issue::{self, Draft, Farewell, IssueError};
use super::views::{self, Asked};
use super::{Digest, NoRandomness, Operator, TokenIndex, edit, sweep, system_random};
use crate::store::tokens::TokenRow;
use crate::store::{audit, schema, tokens};

/// A database with an index of it, and a clock.
struct Site {
    _temp: tempfile::TempDir,
    connection: Connection,
    index: TokenIndex,
    now_ms: i64,
}

impl Site {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let connection = schema::open_writer(temp.path()).unwrap();
        Self { _temp: temp, connection, index: TokenIndex::default(), now_ms: 1_000 }
    }

    fn create(&mut self, wanted: &TokenCreate, by: &Operator) -> Result<String, IssueError> {
        let draft = Draft::draw(system_random).unwrap();
        let done = issue::create(&mut self.connection, &draft, wanted, by, self.now_ms)?;
        Ok(done.publish(&self.index).id)
    }

    fn below(&mut self, parent: Option<&str>, role: Role, limits: Limits) -> String {
        let parent = parent.map(str::to_owned);
        self.create(&TokenCreate { role, parent, limits, ..TokenCreate::default() }, &Operator::LocalOwner).unwrap()
    }

    fn edit(&mut self, which: &str, change: TokenChange, by: &Operator) -> Result<(), IssueError> {
        let version = change.version.or(Some(self.row(which).version));
        let change = TokenChange { version, ..change };
        edit::edit(&mut self.connection, which, &change, by, self.now_ms)?.publish(&self.index);
        Ok(())
    }

    fn revoke(&mut self, which: &str, by: &Operator) -> Result<Vec<String>, IssueError> {
        Ok(issue::revoke(&mut self.connection, which, Farewell::default(), by, self.now_ms)?
            .publish(&self.index)
            .revoked)
    }

    fn rotate(&mut self, which: &str, grace_ms: i64, by: &Operator) -> Result<(), IssueError> {
        let draft = Draft::draw(system_random).unwrap();
        let wanted = TokenRotate { grace_ms: Some(grace_ms) };
        edit::rotate(&mut self.connection, which, &draft, &wanted, by, self.now_ms)?.publish(&self.index);
        Ok(())
    }

    fn row(&self, which: &str) -> TokenRow {
        tokens::by_public_id(&self.connection, which).unwrap().unwrap()
    }

    /// The operator that holds a token.
    fn holder(&self, which: &str) -> Operator {
        Operator::Token(self.index.by_id(self.row(which).id).unwrap())
    }

    fn check(&self) {
        let rows = tokens::all(&self.connection).unwrap();
        let fresh = TokenIndex::new(&rows);
        assert_eq!((self.index.len(), fresh.len()), (rows.len(), rows.len()));
        for row in &rows {
            let entry = self.index.by_id(row.id).unwrap();
            let again = fresh.by_id(row.id).unwrap();
            let told = |entry: &super::TokenEntry| {
                let chain: Vec<i64> = entry.chain().map(|token| token.id).collect();
                format!(
                    "{chain:?} {:?}",
                    (
                        &entry.name,
                        entry.role,
                        entry.expires_ms,
                        entry.revoked,
                        &entry.limits,
                        entry.is_limited,
                        entry.capture,
                        entry.lossy
                    )
                )
            };
            assert_eq!(told(&entry), told(&again));
            for key in std::iter::once(row.digest).chain(row.old_key.map(|(digest, _)| digest)) {
                let found = |index: &TokenIndex| index.find_at(&Digest(key), self.now_ms).map(|token| token.id);
                assert_eq!(found(&self.index), found(&fresh));
            }
            assert_eq!(self.index.find(&Digest(row.digest)).map(|token| token.id), Some(row.id));
            let chain = tokens::chain(&self.connection, row.id).unwrap();
            let end = chain.iter().filter_map(|above| above.expires_ms).min();
            assert_eq!((entry.expires_ms, row.ends_ms), (end, end), "the end of {} follows from its chain", row.id);
            assert_eq!(entry.state(self.now_ms), state_of(row, self.now_ms));
            let has_ended_above = chain.iter().any(|above| state_of(above, self.now_ms) != TokenState::Live);
            assert_eq!(has_ended_above, state_of(row, self.now_ms) != TokenState::Live, "nobody lives below the ended");
            assert!(chain.windows(2).all(|pair| pair[0].role <= pair[1].role), "no role grows downwards");
        }
    }
}

fn dollars(limit: u64) -> Limits {
    let budget = Budget { unit: BudgetUnit::UsdNanos, limit, window: Window::Lifetime };
    Limits { budgets: vec![budget], ..Limits::default() }
}

fn code<T: std::fmt::Debug>(outcome: Result<T, IssueError>) -> String {
    outcome.unwrap_err().problem().code.into_owned()
}

fn change(text: &str) -> TokenChange {
    serde_json::from_str(text).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_nobody_outlives_or_outranks_those_above(
        steps in prop::collection::vec((0..9_u8, any::<u16>(), any::<u16>(), 0..4_000_i64), 1..60)
    ) {
        let mut site = Site::new();
        for (kind, one, other, ms) in steps {
            let rows = tokens::all(&site.connection).unwrap();
            let pick = |number: u16| rows.get(usize::from(number) % rows.len().max(1)).map(|row| row.public_id.clone());
            let by = match pick(other) {
                Some(token) if other % 3 == 0 => site.holder(&token),
                _ => Operator::LocalOwner,
            };
            let role = Role::ALL[usize::from(one) % 3];
            let Some(which) = pick(one).filter(|_| kind > 1) else {
                let parent = pick(one).filter(|_| kind == 1);
                let ttl_ms = (ms % 2 == 0).then_some(ms);
                let limits = if ms % 5 == 0 { dollars(ms.unsigned_abs()) } else { Limits::default() };
                drop(site.create(&TokenCreate { role, parent, ttl_ms, limits, ..TokenCreate::default() }, &by));
                site.check();
                continue;
            };
            // Most of it is refused at times; what holds must hold all the same.
            match kind {
                2 => drop(site.revoke(&which, &by)),
                3 => drop(site.edit(&which, TokenChange { ttl_ms: Some(ms), ..TokenChange::default() }, &by)),
                4 => drop(site.edit(&which, change(r#"{"expires_ms":null}"#), &by)),
                5 => drop(site.rotate(&which, ms % 3 * 500, &by)),
                6 => drop(site.edit(&which, change(r#"{"limits":{"concurrent":5},"capture":false}"#), &by)),
                7 => site.now_ms += ms,
                _ => {
                    let used_up = [(site.row(&which).id, site.now_ms - 2_500)];
                    sweep::step(&mut site.connection, &used_up[..usize::from(one % 5 == 0)], site.now_ms, 2_000)
                        .unwrap()
                        .publish(&site.index);
                }
            }
            site.check();
        }
    }
}

#[test]
fn nobody_gives_more_than_it_has() {
    let mut site = Site::new();
    let team = site.below(None, Role::Keymaster, dollars(100));
    let lead = site.holder(&team);
    let wanted = |limits| TokenCreate { limits, ..TokenCreate::default() };
    assert_eq!(code(site.create(&wanted(dollars(101)), &lead)), "exceeds_parent");
    let child = site.create(&wanted(dollars(100)), &lead).unwrap();
    assert_eq!(
        code(site.edit(&child, change(r#"{"limits":{"budgets":[{"unit":"usd_nanos","limit":101}]}}"#), &lead)),
        "exceeds_parent"
    );
    site.edit(&child, change(r#"{"limits":{"budgets":[{"unit":"usd_nanos","limit":7}]}}"#), &lead).unwrap();
    // What it has above itself, a token is not told.
    let deep = site.create(&TokenCreate { role: Role::Keymaster, ..TokenCreate::default() }, &lead).unwrap();
    let holder = site.holder(&deep);
    let refused = site.create(&wanted(dollars(101)), &holder).unwrap_err().to_string();
    assert!(refused.ends_with("exceeds what a token above has"), "{refused}");
    // Nor does it change itself.
    assert_eq!(code(site.edit(&team, change(r#"{"name":"x"}"#), &lead)), "own_token");
    assert_eq!(code(site.rotate(&team, 0, &lead)), "own_token");
    // Whoever is limited gives nothing that lies elsewhere.
    let other = site.below(None, Role::Keymaster, Limits::default());
    let admin = site.below(None, Role::Admin, dollars(5));
    let admin = site.holder(&admin);
    let elsewhere = TokenCreate { parent: Some(other.clone()), ..TokenCreate::default() };
    assert_eq!(code(site.create(&elsewhere, &admin)), "not_below");
    assert_eq!(code(site.rotate(&other, 0, &admin)), "not_below");
    assert_eq!(code(site.edit(&other, change(r#"{"limits":{"concurrent":5}}"#), &admin)), "not_below");
    site.edit(&other, change(r#"{"name":"other"}"#), &admin).unwrap();
    site.check();
}

#[test]
fn a_token_gains_no_time_by_another() {
    let mut site = Site::new();
    let short = TokenCreate { role: Role::Admin, ttl_ms: Some(1_000), ..TokenCreate::default() };
    let short = site.create(&short, &Operator::LocalOwner).unwrap();
    let long = site.below(None, Role::Admin, Limits::default());
    let by = site.holder(&short);
    assert_eq!(code(site.rotate(&long, 0, &by)), "outlives_parent");
    assert_eq!(code(site.edit(&short, change(r#"{"ttl_ms":5000}"#), &by)), "own_token");
    let child = TokenCreate { parent: Some(long.clone()), ttl_ms: Some(500), ..TokenCreate::default() };
    let child = site.create(&child, &by).unwrap();
    assert_eq!(code(site.edit(&child, change(r#"{"ttl_ms":1001}"#), &by)), "outlives_parent");
    site.edit(&child, change(r#"{"expires_ms":null}"#), &by).unwrap();
    assert_eq!(site.row(&child).ends_ms, Some(2_000));
    // A token that ended while its request was under way does nothing more.
    site.revoke(&short, &Operator::LocalOwner).unwrap();
    assert_eq!(code(site.create(&TokenCreate::default(), &by)), "token_ended");
    assert_eq!(code(site.revoke(&long, &by)), "token_ended");
    assert_eq!(code(site.edit(&short, change(r#"{"name":"x"}"#), &Operator::LocalOwner)), "token_ended");
    site.check();
}

#[test]
fn a_change_is_made_to_the_version_that_it_names() {
    let mut site = Site::new();
    let token = site.below(None, Role::Inferrer, Limits::default());
    let owner = Operator::LocalOwner;
    let none = edit::edit(&mut site.connection, &token, &change(r#"{"name":"a"}"#), &owner, 5);
    assert_eq!(code(none), "version_required");
    site.edit(&token, change(r#"{"version":1,"name":"a","labels":{"team":"x"}}"#), &owner).unwrap();
    assert_eq!(code(site.edit(&token, change(r#"{"version":1,"name":"b"}"#), &owner)), "version_conflict");
    site.edit(&token, change(r#"{"version":2}"#), &owner).unwrap();
    let row = site.row(&token);
    assert_eq!((row.version, row.name.as_str(), row.labels), (2, "a", Labels::from([("team".into(), "x".into())])));
    for (wrong, expected) in [
        (r#"{"name":" "}"#, "bad_name"),
        (r#"{"name":"a\u0000"}"#, "bad_name"),
        (r#"{"ttl_ms":5,"expires_ms":9000}"#, "bad_request"),
        (r#"{"expires_ms":1000}"#, "bad_lifetime"),
        (r#"{"expires_ms":9223372036854775807}"#, "bad_lifetime"),
        (r#"{"labels":{"A":"x"}}"#, "bad_limits"),
        (
            r#"{"limits":{"budgets":[{"unit":"tokens","limit":1,"window":{"calendar":"day","time_zone":"Moon/Base"}}]}}"#,
            "bad_limits",
        ),
    ] {
        assert_eq!(code(site.edit(&token, change(wrong), &owner)), expected, "{wrong}");
    }
    let trail = audit::page(&site.connection, &audit::AuditQuery { limit: 1, ..Default::default() }).unwrap().0;
    let told = |value: &Option<serde_json::Value>| value.as_ref().unwrap().to_string();
    assert_eq!(told(&trail[0].before), format!(r#"{{"labels":{{}},"name":"inferrer {}"}}"#, &token[4..]));
    assert_eq!(told(&trail[0].after), r#"{"labels":{"team":"x"},"name":"a"}"#);
}

#[test]
fn who_ended_with_whom_is_told_and_only_ones_own_is_seen() {
    let mut site = Site::new();
    let top = site.below(None, Role::Keymaster, Limits::default());
    let lead = site.holder(&top);
    let middle = site.create(&TokenCreate { role: Role::Keymaster, ..TokenCreate::default() }, &lead).unwrap();
    let leaf = site.create(&TokenCreate { parent: Some(middle.clone()), ..TokenCreate::default() }, &lead).unwrap();
    let below = site.holder(&middle);
    let shown = views::show(&site.connection, &leaf, &below, 1_000).unwrap();
    assert_eq!(shown.path.iter().map(|token| &token.id).collect::<Vec<_>>(), [&middle]);
    let shown = views::show(&site.connection, &leaf, &Operator::LocalOwner, 1_000).unwrap();
    assert_eq!(shown.path.iter().map(|token| &token.id).collect::<Vec<_>>(), [&top, &middle]);
    assert_eq!(views::show(&site.connection, &top, &lead, 1_000).unwrap().below, 2);
    assert_eq!(code(views::show(&site.connection, &top, &below, 1_000)), "token_not_found");
    site.edit(&top, change(r#"{"ttl_ms":500}"#), &Operator::LocalOwner).unwrap();
    site.now_ms = 1_500;
    let list = |site: &Site, by: &Operator| {
        let asked = Asked { all: true, ..Asked::default() };
        let page = views::page(&site.connection, by, &asked, site.now_ms).unwrap();
        page.tokens.into_iter().map(|token| (token.id, token.state, token.ended_by)).collect::<Vec<_>>()
    };
    let with = Some(top.clone());
    let expected = [
        (top.clone(), TokenState::Expired, None),
        (middle.clone(), TokenState::Expired, with.clone()),
        (leaf.clone(), TokenState::Expired, with.clone()),
    ];
    assert_eq!(list(&site, &Operator::LocalOwner), expected);
    assert_eq!(list(&site, &below).len(), 2);
    site.revoke(&top, &Operator::LocalOwner).unwrap();
    let told: Vec<_> = list(&site, &Operator::LocalOwner).into_iter().map(|(_, state, by)| (state, by)).collect();
    assert_eq!(told, [(TokenState::Revoked, None), (TokenState::Revoked, with.clone()), (TokenState::Revoked, with)]);
}

#[test]
fn a_parent_is_named_by_id_or_name() {
    let mut site = Site::new();
    let owner = Operator::LocalOwner;
    let called = |name: &str, role: Role| TokenCreate { name: Some(name.into()), role, ..TokenCreate::default() };
    let below = |parent: &str| TokenCreate { parent: Some(parent.into()), ..TokenCreate::default() };
    let team = site.create(&called("team", Role::Keymaster), &owner).unwrap();
    let lead = site.holder(&team);
    for (which, by) in [("team", &owner), (&*team, &owner), ("team", &lead)] {
        let child = site.create(&below(which), by).unwrap();
        assert_eq!(site.row(&child).parent_id, Some(site.row(&team).id), "{which}");
    }
    site.create(&called("other", Role::Keymaster), &owner).unwrap();
    assert_eq!(code(site.create(&below("other"), &lead)), "token_not_found");
    let second = site.create(&called("team", Role::Keymaster), &owner).unwrap();
    let said = site.create(&below("team"), &owner).unwrap_err().problem();
    assert_eq!(said.code, "token_ambiguous");
    assert!(said.message.contains(&team) && said.message.contains(&second), "{}", said.message);
}

#[test]
fn the_tree_has_a_bottom() {
    let mut site = Site::new();
    let mut parent = None;
    for _ in 0..super::grant::MAX_DEPTH {
        parent = Some(site.below(parent.as_deref(), Role::Admin, Limits::default()));
    }
    let deeper = TokenCreate { parent, ..TokenCreate::default() };
    assert_eq!(code(site.create(&deeper, &Operator::LocalOwner)), "too_deep");
}

#[test]
fn what_ended_long_ago_is_removed_and_still_named() {
    let mut site = Site::new();
    let top = site.below(None, Role::Keymaster, Limits::default());
    let middle = site.below(Some(&top), Role::Keymaster, Limits::default());
    let leaf = site.below(Some(&middle), Role::Inferrer, Limits::default());
    let greatest = site.row(&leaf).id;
    site.revoke(&middle, &Operator::LocalOwner).unwrap();
    let sweep = |site: &mut Site, now_ms: i64, used_up: &[(i64, i64)]| {
        let mut removed = Vec::new();
        loop {
            let done = sweep::step(&mut site.connection, used_up, now_ms, 500).unwrap();
            removed.extend(done.removed.iter().copied());
            if !done.publish(&site.index) {
                return removed;
            }
        }
    };
    assert_eq!(sweep(&mut site, 1_499, &[]), [0; 0]);
    let (middle_id, top_id) = (site.row(&middle).id, site.row(&top).id);
    assert_eq!(sweep(&mut site, 1_500, &[]), [greatest, middle_id]);
    site.check();
    assert_eq!(tokens::public_id(&site.connection, greatest).unwrap(), Some(leaf));
    let next = site.below(None, Role::Inferrer, Limits::default());
    assert!(site.row(&next).id > greatest, "numbers are never given again");
    // One whose budget is used up goes the same way, with all below it.
    let child = site.below(Some(&top), Role::Inferrer, Limits::default());
    let child_id = site.row(&child).id;
    assert_eq!(sweep(&mut site, 2_000, &[(top_id, 1_501)]), [0; 0]);
    assert_eq!(sweep(&mut site, 2_001, &[(top_id, 1_501)]), [child_id, top_id]);
    site.check();
    let query = audit::AuditQuery { actor: Some("torod".into()), limit: 9, ..Default::default() };
    let actions: Vec<_> =
        audit::page(&site.connection, &query).unwrap().0.into_iter().map(|entry| entry.action).collect();
    assert_eq!(
        actions,
        ["token.remove", "token.remove", "token.revoke", "token.revoke", "token.remove", "token.remove"]
    );
}

#[test]
fn no_key_is_made_without_randomness() {
    assert!(Draft::draw(|_| Err(NoRandomness)).is_err());
}
