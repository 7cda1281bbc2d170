//! Runs of agents: whose usage is whose, session by session, and what is told of a run when its token is gone.

use http::Method;
use serde_json::{Value, json};

use crate::run_site::{CLAUDE, DAY_MS, Site, added, column, list, told, worked};
use crate::support::until;

#[tokio::test]
async fn usage_belongs_to_its_run_session_and_sub_agent_to_the_last_nano_dollar() {
    let site = Site::start().await;
    let admin = site.daemon.key.clone();
    let (master_id, master) = site.made(&admin, &json!({"name": "anna", "role": "keymaster"})).await;
    let wanted = json!({"name": "tidy up", "run": true, "lease_s": 3600, "ttl_ms": 8 * 3_600_000,
        "role": "keymaster", "labels": {"agent": "claude", "repository": "tokenrouter", "branch": "main"},
        "limits": {"budgets": [{"unit": "usd_nanos", "limit": 5_000_000_000_u64}]}});
    let (run, key) = site.made(&master, &wanted).await;
    let (_, below) = site.made(&key, &json!({"name": "helper"})).await;
    worked(&site, &key).await;
    site.response(&below, &[("session-id", "c0de")]).await;
    // What others do is none of it.
    let (stranger_id, stranger) = site.made(&admin, &json!({"role": "keymaster"})).await;
    site.response(&stranger, &[CLAUDE]).await;
    site.written().await;

    let shown = site.get(&format!("/admin/api/me/runs/{run}"), &master).await;
    let of_run = "token_id IN (SELECT id FROM token WHERE name IN ('tidy up', 'helper'))";
    let expected = site.sums(of_run);
    assert_eq!((expected[0], expected[1], expected[2]), (9, 10, 1));
    assert_eq!(told(&shown["totals"]), expected);
    assert_eq!(added(list(&shown["models"])), expected);
    assert_eq!(added(list(&shown["sessions"])), expected);
    assert_eq!(column(&shown["sessions"], "id"), ["5e55-root", "a1", "a2", "c0de", "sub", "key-1", "-"]);
    assert_eq!(column(&shown["sessions"], "parent"), ["-", "5e55-root", "a1", "-", "c0de", "-", "-"]);
    let depths: Vec<u64> = list(&shown["sessions"]).iter().map(|one| one["depth"].as_u64().unwrap()).collect();
    assert_eq!(depths, [0, 1, 2, 0, 1, 0, 0]);
    // The label of the run goes before what programs call themselves.
    assert_eq!(column(&shown["sessions"], "agent"), ["claude"; 7]);
    let sub = site.sums("session = (SELECT id FROM agent_session WHERE text = 'a2')");
    assert_eq!(told(&shown["sessions"][2]["totals"]), sub);
    let tree = site.sums("session IN (SELECT id FROM agent_session WHERE text IN ('5e55-root', 'a1', 'a2') AND parent IS NOT '') AND token_id <> (SELECT max(id) FROM token)");
    assert_eq!(shown["sessions"][0]["tree_cost_nanos"], tree[8]);
    assert_eq!(
        (&shown["ended_by"], &shown["ended_ms"], &shown["name"]),
        (&json!("running"), &Value::Null, &json!("tidy up"))
    );
    assert_eq!(
        shown["spent"],
        json!({"requests": expected[0], "cost_nanos": expected[8],
        "tokens": expected[3] + expected[4] + expected[5] + expected[6] + expected[7]})
    );
    assert_eq!(shown["budgets"][0]["remaining"].as_u64().unwrap(), 5_000_000_000 - expected[8]);

    for by in ["day", "model", "run", "session", "provider", "token", "agent"] {
        let usage = site.get(&format!("/admin/api/me/usage?by={by}"), &master).await;
        assert_eq!(told(&usage["total"]), expected, "{by}");
        assert_eq!(added(list(&usage["rows"])), expected, "{by}");
        assert_eq!(usage["omitted"], 0, "{by}");
    }
    let by = async |by: &str, key: &str| site.get(&format!("/admin/api/me/usage?{by}"), key).await["rows"].take();
    assert_eq!(column(&by("by=run", &master).await, "key"), [&run]);
    assert_eq!(column(&by("by=token", &master).await, "name"), ["tidy up", "helper"]);
    assert_eq!(column(&by("by=agent", &stranger).await, "key"), [""]);
    assert_eq!(column(&by("by=session", &stranger).await, "key"), ["5e55-root"]);
    assert_eq!(list(&by("by=day&time_zone=Asia/Tokyo", &master).await).len(), 31);
    // An inferrer sees itself, an admin whom it names.
    let own = site.get("/admin/api/me/usage?by=token", &below).await;
    assert_eq!(
        (column(&own["rows"], "name"), told(&own["total"])),
        (vec!["helper"], site.sums("token_id = (SELECT id FROM token WHERE name = 'helper')"))
    );
    let named = site.get(&format!("/admin/api/me/usage?by=run&token={master_id}"), &admin).await;
    assert_eq!(told(&named["total"]), expected);
    let all = site.get("/admin/api/me/usage?by=token&token=*", &admin).await;
    assert_eq!(told(&all["total"]), site.sums("TRUE"));
    // Whom one may not see, one learns nothing of.
    for path in ["/admin/api/me/usage", "/admin/api/me/runs"] {
        for token in [&stranger_id, "*", "nobody"] {
            assert_eq!(site.status(&format!("{path}?token={token}"), &master).await, (404, "token_not_found".into()));
        }
    }
    assert_eq!(site.status(&format!("/admin/api/me/runs/{run}"), &stranger).await, (404, "run_not_found".into()));
    assert_eq!(site.status(&format!("/admin/api/me/runs/{run}"), &below).await, (404, "run_not_found".into()));
    assert_eq!(site.get(&format!("/admin/api/me/runs/{run}"), &key).await["id"], json!(run));
    site.daemon.stop().await;
}

#[tokio::test]
async fn a_run_is_told_of_when_its_token_has_ended_and_when_it_is_gone() {
    let site = Site::start().await;
    let admin = site.daemon.key.clone();
    let (_, master) = site.made(&admin, &json!({"name": "anna", "role": "keymaster"})).await;
    let run = |name: &str, more: Value| {
        let mut wanted = json!({"name": name, "run": true, "labels": {"agent": "codex", "repository": name}});
        wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        wanted
    };
    let budgets = json!({"limits": {"budgets": [{"unit": "usd_nanos", "limit": 900_000_000_u64}, {"unit": "requests", "limit": 50,
        "window": {"calendar": "month", "time_zone": "Europe/Berlin"}}, {"unit": "tokens", "limit": 1_000_000, "window": {"seconds": 60}}]}});
    let (finished, key) = site.made(&master, &run("finished", budgets)).await;
    worked(&site, &key).await;
    let before = site.get(&format!("/admin/api/me/runs/{finished}"), &master).await;
    let expected = site.sums("token_id = (SELECT id FROM token WHERE name = 'finished')");
    let end = format!("/admin/api/tokens/{finished}?reason=finished&exit=42");
    assert_eq!(site.ask(Method::DELETE, &end, &key, "", &[]).await.status, 200);
    let (leased, _) = site.made(&master, &run("leased", json!({"lease_s": 15}))).await;
    let (killed, _) = site.made(&master, &run("killed", json!({}))).await;
    let (expired, _) = site.made(&master, &run("expired", json!({"ttl_ms": 10_000}))).await;
    let (revoked, _) = site.made(&master, &run("revoked", json!({}))).await;
    let end = format!("/admin/api/tokens/{killed}?reason=finished&signal=9");
    assert_eq!(site.ask(Method::DELETE, &end, &master, "", &[]).await.status, 200);
    assert_eq!(site.ask(Method::DELETE, &format!("/admin/api/tokens/{revoked}"), &admin, "", &[]).await.status, 200);
    site.clock.advance(15_000);
    let lease_is_over =
        async || site.get(&format!("/admin/api/me/runs/{leased}"), &master).await["ended_by"] == "lease";
    until("the lease's end is written", lease_is_over).await;
    // Who comes too late changes nothing but what nobody else knows.
    let late = format!("/admin/api/tokens/{leased}?reason=finished&exit=0");
    assert_eq!(site.ask(Method::DELETE, &late, &master, "", &[]).await.status, 200);
    let (running, _) = site.made(&master, &run("running", json!({}))).await;
    let ends = async |site: &Site| {
        let page = site.get("/admin/api/me/runs", &master).await;
        let line = |run: &Value| {
            let text = |field: &str| run[field].as_str().unwrap().to_owned();
            (text("id"), text("ended_by"), run["exit_code"].as_u64(), run["exit_signal"].as_u64())
        };
        list(&page["runs"]).iter().map(line).collect::<Vec<_>>()
    };
    let expected_ends = [
        (running.clone(), "running".to_owned(), None, None),
        (revoked, "revoked".to_owned(), None, None),
        (expired, "expired".to_owned(), None, None),
        (killed, "finished".to_owned(), None, Some(9)),
        (leased.clone(), "lease".to_owned(), Some(0), None),
        (finished.clone(), "finished".to_owned(), Some(42), None),
    ];
    assert_eq!(ends(&site).await, expected_ends);

    // A day later the tokens are swept away.
    let site = site.again_after(DAY_MS + 60_000).await;
    until("ended tokens are gone", || async {
        site.status(&format!("/admin/api/tokens/{finished}"), &admin).await.0 == 404
            && site.status(&format!("/admin/api/tokens/{leased}"), &admin).await.0 == 404
    })
    .await;
    assert_eq!(ends(&site).await, expected_ends);
    let after = site.get(&format!("/admin/api/me/runs/{finished}"), &master).await;
    assert_eq!(told(&after["totals"]), expected);
    for same in ["totals", "models", "sessions", "labels", "name", "started_ms", "spent"] {
        assert_eq!(after[same], before[same], "{same}");
    }
    // What was left when it ended, also within windows that are over by now.
    let left = |shown: &Value| {
        let budgets = list(&shown["budgets"]).iter();
        budgets
            .map(|budget| (budget["used"].as_u64().unwrap(), budget["remaining"].as_u64().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(left(&after), left(&before));
    assert_eq!(left(&after)[0], (expected[8], 900_000_000 - expected[8]));
    let usage = site.get("/admin/api/me/usage?by=run", &master).await;
    assert_eq!(usage["rows"][0]["name"], "finished (removed)");
    assert_eq!(told(&usage["rows"][0]), expected);
    let of_removed = site.get(&format!("/admin/api/me/usage?by=session&token={finished}"), &master).await;
    assert_eq!(told(&of_removed["total"]), expected);
    assert_eq!(site.get(&format!("/admin/api/me/runs/{finished}"), &admin).await["id"], json!(finished));
    site.daemon.stop().await;
}
