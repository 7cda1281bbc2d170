//! Asks for every case and compares its rows, the budget that was charged and the sums in reports with what was reckoned by
//! hand.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use http_body_util::BodyExt as _;
use tokenrouter_shared::figures::Dimension;
use tokenrouter_simulator::{Settings, Simulator};
use torod::clock::Clock;
use torod::store::figures::{Question, figures};

use crate::case::{Case, read};
use crate::support::{TestDaemon, port_zero};
use crate::vendor::{self, model};

/// A Saturday, before any case that says when it is.
const BEGIN_MS: i64 = 1_763_200_000_000;
const MODELS: &str = include_str!("../../../router/src/catalog/models.json");

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/invoices/cases");
    let files = ["openai", "anthropic", "google", "hosts", "others", "mishaps"];
    let texts = files.map(|name| std::fs::read_to_string(folder.join(name).with_extension("txt")).unwrap());
    let mut cases: Vec<Case> = texts.iter().flat_map(|text| read(text)).collect();
    // Those that say when they are come last, in the order of time: a clock that is set back is another test's business.
    cases.sort_by_key(|case| case.at_ms);
    cases
}

/// The data set that came with the program, and the prices of the cases in it.
fn catalogue(cases: &[Case]) -> String {
    let priced = cases.iter().filter_map(|case| Some((case, case.price.as_ref()?)));
    let lines: Vec<_> =
        priced.map(|(case, price)| format!("\"{}\":{{\"price\":{price}}}", model(&case.name))).collect();
    MODELS.replacen("\"providers\":{", &format!("\"providers\":{{\"invoices\":{{{}}},", lines.join(",\n")), 1)
}

const PROTOCOLS: [(&str, &str); 5] = [
    ("openai", "/v1"),
    ("responses", "/v1"),
    ("anthropic", "/anthropic"),
    ("gemini", "/v1beta"),
    ("cohere", "/cohere"),
];

/// Providers that speak everything, one besides that others fall over to, and one for each protocol alone.
fn configuration(url: &str, cases: &[Case]) -> String {
    let mut text =
        "listen_addr = \"127.0.0.1:0\"\nauto_detect_local_servers = false\nallow_localhost_no_auth = false\n\
        [routing]\nattempts = 3\nprobe = false\nbreaker = { failures = 1000, recovery = \"1ms\", \
        connection_failures = 1000, connection_recovery = \"1ms\", credential_recovery = \"1ms\" }\n"
            .to_owned();
    let all: Vec<_> = PROTOCOLS.iter().map(|(name, path)| format!("{name} = \"{url}{path}\"")).collect();
    _ = writeln!(text, "[presets.invoices]\nmodels_url = \"none\"\nprotocols = {{ {} }}", all.join(", "));
    let mut provider = |name: &str, protocols: &str| {
        let more = if protocols.is_empty() { String::new() } else { format!("protocols = {{ {protocols} }}\n") };
        _ = write!(text, "[[providers]]\nname = \"{name}\"\nprovider_type = \"invoices\"\napi_key = \"sk-1\"\n{more}");
    };
    provider("native", "");
    provider("second", "");
    for (name, path) in PROTOCOLS {
        provider(&format!("only-{name}"), &format!("{name} = \"{url}{path}\""));
    }
    for case in cases {
        let first = case.speaks.as_ref().map_or_else(|| "native".to_owned(), |speaks| format!("only-{speaks}"));
        let model = model(&case.name);
        _ = writeln!(text, "[[model_aliases]]\nname = \"{}\"", case.name);
        for provider in [first.as_str(), "second"].iter().take(case.attempts.len()) {
            _ = writeln!(text, "[[model_aliases.targets]]\nprovider = \"{provider}\"\nmodel = \"{model}\"");
        }
    }
    text
}

/// The path and the body that a case asks with.
fn asked(case: &Case) -> (String, String) {
    let Case { name, with, ask, streams, .. } = case;
    let stream = if *streams { ",\"stream\":true" } else { "" };
    let said = r#""messages":[{"role":"user","content":"Say hello"}]"#;
    let (path, body) = match ask.as_str() {
        "chat" => ("/v1/chat/completions", said),
        "responses" => ("/v1/responses", r#""input":"Say hello""#),
        "messages" => ("/v1/messages", r#""max_tokens":64,"messages":[{"role":"user","content":"Say hello"}]"#),
        "cohere" => ("/v2/chat", said),
        "embeddings" => ("/v1/embeddings", r#""input":"Say hello""#),
        "completions" => ("/v1/completions", r#""prompt":"Say hello""#),
        "gemini" => {
            let path = if *streams { "streamGenerateContent?alt=sse" } else { "generateContent" };
            let body = format!(r#"{{"contents":[{{"role":"user","parts":[{{"text":"Say hello"}}]}}]{with}}}"#);
            return (format!("/v1beta/models/{name}:{path}"), body);
        }
        other => panic!("{name}: nobody asks for `{other}`"),
    };
    (path.to_owned(), format!("{{\"model\":\"{name}\",{body}{stream}{with}}}"))
}

async fn ask(daemon: &TestDaemon, key: &str, case: &Case) {
    let (path, body) = asked(case);
    let mut request = daemon.request(&path, body);
    request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
    let Some(leave) = &case.leave else {
        daemon.send(request).await;
        return;
    };
    let mut answer = daemon.head(request).await;
    let mut text = String::new();
    while !text.contains(leave.as_str()) {
        let frame = answer.body_mut().frame().await.unwrap().unwrap();
        text.push_str(&String::from_utf8_lossy(frame.data_ref().unwrap()));
    }
}

const COLUMNS: &str = "(SELECT text FROM name WHERE id = model), outcome, estimated, input_uncached, cache_read, \
    cache_write_5m, cache_write_1h, output, reasoning, cost_nanos, cost_assumed, price IS NULL, \
    (SELECT told_nanos FROM usage_detail AS d WHERE d.id = usage.id), savings_nanos, \
    prompt_us, generation_us";

/// The same of what was reckoned by hand.
fn expected(case: &Case) -> Vec<Vec<String>> {
    let row = |attempt: &crate::case::Attempt| {
        let outcome = torod::usage::Outcome::ALL.iter().find(|outcome| outcome.as_str() == attempt.outcome).unwrap();
        let mut row = vec![model(&case.name), outcome.number().to_string(), u8::from(attempt.is_estimated).to_string()];
        row.extend(attempt.buckets.map(|count| count.to_string()));
        row.push(attempt.nanos.to_string());
        row.push(u8::from(attempt.is_assumed).to_string());
        // What cost nothing because nothing came was reckoned by no price.
        let is_nothing = attempt.nanos == 0 && attempt.outcome != "ok";
        row.push(u8::from(attempt.is_unpriced || is_nothing).to_string());
        row.push(attempt.told_nanos.map_or_else(|| "-".to_owned(), |nanos| nanos.to_string()));
        row.push(attempt.saved_nanos.to_string());
        let [reads_us, writes_us, ..] = attempt.timed.unwrap_or_default();
        row.extend([reads_us, writes_us].map(|us| us.to_string()));
        row
    };
    case.attempts.iter().map(row).collect()
}

#[tokio::test]
async fn every_invoice_is_exact() {
    let cases = Arc::new(cases());
    assert!(cases.len() >= 82, "{}", cases.len());
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    torod::store::schema::make_dir(&data).unwrap();
    torod::store::DataSet::new(&data).write(catalogue(&cases).as_bytes(), "2026-11-21").unwrap();
    let url = vendor::start(Arc::clone(&cases)).await;
    let simulator = Simulator::start(port_zero(), Settings::default()).await.unwrap();
    let clock = Clock::fixed(BEGIN_MS);
    let text = configuration(&url, &cases);
    let daemon = TestDaemon::in_folder(simulator, &text, clock.clone(), folder).await;
    let wanted =
        r#"{"role":"inferrer","name":"payer","limits":{"budgets":[{"unit":"usd_nanos","limit":1000000000000}]}}"#;
    let token = daemon.post("/admin/api/tokens", wanted).await.json();
    let key = token["key"].as_str().unwrap().to_owned();

    let (mut wrong, mut total, mut seen) = (String::new(), 0, 0);
    for case in cases.iter() {
        if let Some(at_ms) = case.at_ms {
            clock.jump(at_ms - clock.now_ms());
        }
        ask(&daemon, &key, case).await;
        let rows = daemon.rows(COLUMNS).await.split_off(seen);
        seen += rows.len();
        let expected = expected(case);
        if rows != expected {
            _ = writeln!(wrong, "{}\n  is {rows:?}\n  must {expected:?}", case.name);
        }
        total += case.attempts.iter().map(|attempt| attempt.nanos).sum::<i64>();
    }
    assert!(wrong.is_empty(), "{wrong}");
    // What reports add up is what was reckoned, too.
    let attempts = || cases.iter().flat_map(|case| &case.attempts);
    let reader = torod::store::schema::open_reader(&daemon.folder.path().join("data")).unwrap();
    let whole = figures(&reader, &Question::new(0, i64::MAX)).unwrap().total;
    let unpriced = attempts().filter(|attempt| attempt.is_unpriced).map(|attempt| attempt.nanos).sum::<i64>();
    let saved = attempts().map(|attempt| attempt.saved_nanos).sum::<i64>();
    assert_eq!(
        (whole.cost_nanos, whole.unpriced_nanos, whole.savings_nanos),
        (total.unsigned_abs(), unpriced.unsigned_abs(), saved)
    );
    // So are speeds, where the provider tells its times.
    let timed: Vec<_> = cases.iter().filter_map(|case| Some((case, case.attempts[0].timed?))).collect();
    assert!(timed.len() >= 4);
    for (case, [.., read_milli, written_milli]) in timed {
        let question = Question::new(0, i64::MAX).only(Dimension::Model, &model(&case.name));
        let sums = figures(&reader, &question).unwrap().total;
        let speeds = (sums.prompted_per_second_milli(), sums.generated_per_second_milli());
        assert_eq!(speeds, (Some(read_milli), Some(written_milli)), "{}", case.name);
    }
    let id = token["id"].as_str().unwrap_or_else(|| panic!("{token}"));
    let shown = daemon.get(&format!("/admin/api/tokens/{id}")).await;
    assert!(shown.text().contains(&format!("\"used\":{total}")), "the budget has {total} used: {}", shown.text());
    let sums =
        daemon.rows("(SELECT cost_nanos FROM spend_total WHERE token_id = usage.token_id), sum(cost_nanos)").await;
    assert_eq!(sums[0], [total.to_string(), total.to_string()]);
    daemon.stop().await;
}
