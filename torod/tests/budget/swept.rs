//! Tokens that expired, were revoked, or have used up a budget for life go by themselves, over restarts too; what they
//! used stays where it is counted.

use serde_json::{Value, json};
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;
use torod::store::schema;

use crate::rig::{PRICES, budgets};
use crate::support::{TestDaemon, configuration, port_zero, until};

const HOUR_MS: i64 = 3_600_000;

async fn listed(daemon: &TestDaemon) -> Vec<String> {
    let page = daemon.get("/admin/api/tokens?all=true").await.json();
    page["tokens"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

fn swept(folder: &std::path::Path) -> Vec<(String, bool)> {
    let connection = schema::open_reader(&folder.join("data")).unwrap();
    let mut statement = connection.prepare("SELECT public_id, used_up_ms IS NOT NULL FROM token ORDER BY id").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[tokio::test]
async fn tokens_that_are_over_go_and_what_they_used_stays() {
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let text = configuration(&simulator.url(), "[tokens]\nremove_ended_after = \"1h\"\n", PRICES);
    let clock = Clock::fixed(1_800_000_000_000);
    let daemon = TestDaemon::configured(simulator, &text, clock.clone()).await;
    let parent = daemon.token(None, budgets(&[("usd_nanos", 1_000_000_000)])).await;
    let used_up = daemon.token(Some(&parent), budgets(&[("requests", 1)])).await;
    let raised = daemon.token(Some(&parent), budgets(&[("requests", 1)])).await;
    let rolling = daemon
        .token(Some(&parent), json!({ "budgets": [{ "unit": "requests", "limit": 1, "window": { "seconds": 60 } }] }))
        .await;
    let made = daemon.post("/admin/api/tokens", format!(r#"{{"ttl_ms":60000,"parent":"{}"}}"#, parent.id)).await.json();
    let expired = made["id"].as_str().unwrap().to_owned();
    for token in [&used_up, &raised, &rolling] {
        assert_eq!(daemon.chat_of(token, "ok", "").await.status, 200);
        assert_eq!(daemon.chat_of(token, "ok", "").await.status, 429);
    }
    let spent = daemon.spent(&[&used_up, &raised, &rolling]).await;
    assert_eq!(spent[0], 3);
    let (simulator, folder) = daemon.stop_keeping().await;

    // A first sweep sees who is used up; nobody is over for long enough.
    let daemon = TestDaemon::in_folder(simulator, &text, clock.clone(), folder).await;
    let path = daemon.folder.path().to_owned();
    until("the sweep has seen who is used up", || async {
        let seen = swept(&path);
        [&used_up.id, &raised.id].into_iter().all(|id| seen.contains(&(id.clone(), true)))
    })
    .await;
    assert!(swept(&path).contains(&(rolling.id.clone(), false)), "its budget comes back");
    let more = json!({ "version": 1, "limits": { "budgets": [{ "unit": "requests", "limit": 9 }] } }).to_string();
    let mut request = daemon.request(&format!("/admin/api/tokens/{}", raised.id), more);
    *request.method_mut() = http::Method::PATCH;
    assert_eq!(daemon.send(request).await.status, 200);
    let all = listed(&daemon).await;
    assert!([&used_up.id, &expired].into_iter().all(|id| all.contains(id)));
    let (simulator, folder) = daemon.stop_keeping().await;

    // The time counts on over the restart.
    clock.advance(HOUR_MS + 60_001);
    let daemon = TestDaemon::in_folder(simulator, &text, clock.clone(), folder).await;
    until("both are gone", || async {
        let all = listed(&daemon).await;
        !all.contains(&used_up.id) && !all.contains(&expired)
    })
    .await;
    let all = listed(&daemon).await;
    assert!([&parent.id, &raised.id, &rolling.id].into_iter().all(|id| all.contains(id)), "{all:?}");
    // They are gone from the database first.
    until("who is gone is nobody", || async { daemon.chat_of(&used_up, "ok", "").await.status == 401 }).await;
    assert_eq!(daemon.chat_of(&raised, "ok", "").await.status, 200, "there is room again");
    let mut rows = daemon.rows("outcome, cost_nanos").await;
    rows.retain(|row| row[0] != "6");
    assert_eq!(rows.len(), 4, "usage rows stay");
    let paid: u64 = rows.iter().map(|row| row[1].parse::<u64>().unwrap()).sum();
    assert_eq!(daemon.used(&parent), [paid], "those above pay for those that are gone");
    let trail = daemon.get("/admin/api/audit?actor=torod").await.json();
    let told: Vec<(&str, &str)> = trail["entries"].as_array().unwrap().iter().map(entry).collect();
    for expected in [
        ("token.revoke", used_up.id.as_str()),
        ("token.remove", used_up.id.as_str()),
        ("token.remove", expired.as_str()),
    ] {
        assert!(told.contains(&expected), "{expected:?} in {told:?}");
    }
    let name = |id: &str| {
        trail["entries"].as_array().unwrap().iter().find(|one| one["subject"] == id).unwrap()["subject_name"].clone()
    };
    assert!(name(&used_up.id).as_str().unwrap().starts_with("keymaster "), "names survive");
    daemon.stop().await;
}

fn entry(one: &Value) -> (&str, &str) {
    (one["action"].as_str().unwrap(), one["subject"].as_str().unwrap())
}
