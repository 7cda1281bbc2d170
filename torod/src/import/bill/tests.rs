//! Exports of every vendor, as they are downloaded.

use super::*;

fn of(name: &str, text: &str, columns: &[(Meaning, String)]) -> Result<Bill, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    read(&path, columns).map_err(|e| e.to_string())
}

/// Day, model, calls, tokens and nano-dollars.
type Line<'a> = (i64, &'a str, Option<u64>, Option<u64>, Option<i64>);

fn lines(bill: &Bill) -> Vec<Line<'_>> {
    bill.lines.iter().map(|((day, model), t)| (*day, model.as_str(), t.calls, t.tokens, t.nanos)).collect()
}

/// The 20th of November 2026.
const DAY: i64 = 20_777;

#[test]
fn every_vendors_export_is_read() {
    let openai = r#"{"object":"page","data":[{"object":"bucket","start_time":1795132800,"end_time":1795219200,"results":[
        {"object":"organization.usage.completions.result","input_tokens":1000,"input_cached_tokens":800,"output_tokens":500,"num_model_requests":5,"model":"gpt-4o-2024-08-06"},
        {"object":"organization.usage.completions.result","input_tokens":10,"output_tokens":5,"num_model_requests":1,"model":"gpt-4o-2024-08-06"}]}]}"#;
    assert_eq!(lines(&of("u.json", openai, &[]).unwrap()), [(DAY, "gpt-4o", Some(6), Some(1515), None)]);
    let costs = r#"{"object":"page","data":[{"object":"bucket","start_time":1795132800,"results":[{"object":"organization.costs.result","amount":{"value":0.06,"currency":"usd"},"line_item":"gpt-4o-2024-08-06, input"}]}]}"#;
    assert_eq!(lines(&of("c.json", costs, &[]).unwrap()), [(DAY, "gpt-4o", None, None, Some(60_000_000))]);
    let csv = "start_time,end_time,start_time_iso,amount_value,amount_currency,line_item\n1795132800,1795219200,2026-11-20T00:00:00+00:00,0.06,usd,\"gpt-4o, output\"\n";
    assert_eq!(lines(&of("c.csv", csv, &[]).unwrap()), [(DAY, "gpt-4o", None, None, Some(60_000_000))]);
    let anthropic = "usage_date_utc,model_version,api_key,usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens,web_search_count\n2026-11-20,claude-sonnet-4-5-20250929,k,100,20,30,400,50,0\n";
    assert_eq!(lines(&of("a.csv", anthropic, &[]).unwrap()), [(DAY, "claude-sonnet-4-5", None, Some(600), None)]);
    let cost = "usage_date_utc,model,workspace,token_type,cost_usd,list_price_usd\n2026-11-20,claude-sonnet-4-5-20250929,w,input_no_cache,0.30,0.30\n2026-11-20,claude-sonnet-4-5-20250929,w,output,0.75,0.75\n";
    assert_eq!(lines(&of("a.csv", cost, &[]).unwrap()), [(DAY, "claude-sonnet-4-5", None, None, Some(1_050_000_000))]);
    let cents = r#"{"data":[{"starting_at":"2026-11-20T00:00:00Z","ending_at":"2026-11-21T00:00:00Z","results":[
        {"currency":"USD","amount":"123.45","model":"claude-sonnet-4-5","token_type":"output_tokens"},
        {"currency":"USD","amount":"0.5","model":"claude-sonnet-4-5","token_type":"uncached_input_tokens"}]}],"has_more":false,"next_page":null}"#;
    assert_eq!(
        lines(&of("a.json", cents, &[]).unwrap()),
        [(DAY, "claude-sonnet-4-5", None, None, Some(1_239_500_000))]
    );
    let usage = r#"{"data":[{"starting_at":"2026-11-20T00:00:00Z","results":[{"uncached_input_tokens":100,"cache_creation":{"ephemeral_1h_input_tokens":30,"ephemeral_5m_input_tokens":20},"cache_read_input_tokens":400,"output_tokens":50,"server_tool_use":{"web_search_requests":1},"model":"claude-sonnet-4-5"}]}]}"#;
    assert_eq!(lines(&of("a.json", usage, &[]).unwrap()), [(DAY, "claude-sonnet-4-5", None, Some(600), None)]);
    let openrouter = "generation_id,created_at,cost_total,tokens_prompt,tokens_completion,tokens_cached,model_permaslug,provider_name\ng,2026-11-20 10:00:00.123,0.000099,194,2,0,openai/gpt-4o,OpenAI\n";
    assert_eq!(lines(&of("o.csv", openrouter, &[]).unwrap()), [(DAY, "gpt-4o", None, Some(196), Some(99_000))]);
    let activity = r#"{"data":[{"date":"2026-11-20","model":"openai/gpt-4.1","usage":0.015,"requests":5,"prompt_tokens":50,"completion_tokens":125}]}"#;
    assert_eq!(lines(&of("o.json", activity, &[]).unwrap()), [(DAY, "gpt-4.1", Some(5), Some(175), Some(15_000_000))]);
    let google = "\u{feff}Usage start time;SKU description;Cost;Currency\n2026-11-20 00:00:00 UTC;Gemini 2.5 Flash output;1.5;USD\n2026-11-20 00:00:00 UTC;x;1;EUR\n";
    let bill = of("g.csv", google, &[]).unwrap();
    assert_eq!(lines(&bill), [(DAY, "gemini 2.5 flash output", None, None, Some(1_500_000_000))]);
    assert_eq!(bill.left.count(), 1);
}

#[test]
fn columns_of_other_names_can_be_named() {
    let columns =
        [(Meaning::Day, "Wann".to_owned()), (Meaning::Model, "Was".to_owned()), (Meaning::Cost, "Wie viel".to_owned())];
    let text = "Wann,Was,Wie viel\n20.11.2026,M-1,\"$1,234.50\"\n";
    assert_eq!(lines(&of("x.csv", text, &columns).unwrap()), [(DAY, "m-1", None, None, Some(1_234_500_000_000))]);
    assert!(of("x.csv", "a,b\n1,2\n", &columns).unwrap_err().contains("has no column `Wann`; it has a, b"));
}

#[test]
fn what_is_no_export_is_refused_in_words() {
    for (text, word) in [
        ("", "no column is known to be the day"),
        ("a,b\n", "no column is known to be the day"),
        ("{\"a\":", "it is no JSON"),
        ("[]", "name its columns"),
        ("date,cost\nyesterday,1\n", "name its columns"),
    ] {
        let why = of("x", text, &[]).unwrap_err();
        assert!(why.contains(word), "{text}: {why}");
    }
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert!(of("x", &deep, &[]).is_err());
}

#[test]
fn names_are_compared_without_dates_and_vendors() {
    for (name, expected) in [
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("GPT-4o, cached input", "gpt-4o"),
        ("grok-4", "grok-4"),
        ("", ""),
        ("-20250929", "-20250929"),
    ] {
        assert_eq!(model(name), expected, "{name}");
    }
}
