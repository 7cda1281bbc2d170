//! What each vendor documents, as its reader understands it; and answers that no vendor documents.

use proptest::prelude::*;

use super::*;

/// 2023-11-14 22:13:20 UTC, a Tuesday.
const NOW: i64 = 1_700_000_000_000;

fn read(reader: Reader, bodies: &[&str]) -> Result<Account, Unread> {
    let answers: Vec<Option<&[u8]>> = bodies.iter().map(|body| Some(body.as_bytes())).collect();
    reader.read(&answers, NOW)
}

fn shown(reader: Reader, bodies: &[&str]) -> String {
    let account = read(reader, bodies).unwrap();
    let one = |asked: &Asked| {
        let Asked { name, window_s, unit, limit, left, resets_ms } = asked;
        format!("{name}@{window_s} {left:?}/{limit:?} {} {resets_ms:?}", unit.as_str())
    };
    let all: Vec<String> = account.asked.iter().map(one).collect();
    format!("{} {}", account.plan.unwrap_or_default(), all.join("; ")).trim().to_owned()
}

#[test]
fn what_vendors_document_is_understood() {
    let table: [(Reader, &[&str], &str); 16] = [
        (
            Reader::OpenRouter,
            &[
                r#"{"data":{"label":"sk-or-v1-au7...890","limit":100,"limit_remaining":74.5,"limit_reset":"monthly","usage":25.5,"is_free_tier":false}}"#,
                r#"{"data":{"total_credits":100.5,"total_usage":25.75}}"#,
            ],
            "paid key@2592000 Some(74500000000)/Some(100000000000) usd Some(1701388800000); balance@0 Some(74750000000)/None usd None",
        ),
        (
            Reader::OpenRouter,
            &[r#"{"data":{"limit":5,"limit_remaining":null,"limit_reset":"weekly","usage":6,"is_free_tier":true}}"#],
            "free key@604800 Some(0)/Some(5000000000) usd Some(1700438400000)",
        ),
        (
            Reader::OpenRouter,
            &[
                r#"{"data":{"limit":5,"limit_remaining":4,"limit_reset":"daily","usage":1}}"#,
                r#"{"error":{"code":403}}"#,
            ],
            "paid key@86400 Some(4000000000)/Some(5000000000) usd Some(1700006400000)",
        ),
        (
            Reader::OpenRouter,
            &[r#"{"data":{"limit":5,"limit_remaining":4,"limit_reset":"hour","usage":1}}"#],
            "paid key@3600 Some(4000000000)/Some(5000000000) usd Some(1700002800000)",
        ),
        (
            Reader::OpenRouter,
            &[r#"{"data":{"limit":5,"limit_remaining":4,"limit_reset":"year","usage":1}}"#],
            "paid key@31536000 Some(4000000000)/Some(5000000000) usd Some(1704067200000)",
        ),
        (Reader::OpenRouter, &[r#"{"data":{"limit":null,"limit_remaining":null,"usage":1}}"#], "paid"),
        (
            Reader::DeepSeek,
            &[
                r#"{"is_available":true,"balance_infos":[{"currency":"CNY","total_balance":"110.00","granted_balance":"10.00","topped_up_balance":"100.00"},{"currency":"USD","total_balance":"0.00"}]}"#,
            ],
            "balance@0 Some(110000000000)/None cny None",
        ),
        (
            Reader::DeepSeek,
            &[r#"{"is_available":false,"balance_infos":[{"currency":"USD","total_balance":"0.03"}]}"#],
            "balance@0 Some(0)/None usd None",
        ),
        (
            Reader::Moonshot,
            &[
                r#"{"code":0,"data":{"available_balance":49.58894,"voucher_balance":46.58893,"cash_balance":3.00001},"scode":"0x0","status":true}"#,
            ],
            "balance@0 Some(49588940000)/None usd None",
        ),
        (Reader::MoonshotCn, &[r#"{"data":{"available_balance":-3.5}}"#], "balance@0 Some(0)/None cny None"),
        (
            Reader::SiliconFlow,
            &[
                r#"{"code":20000,"status":true,"data":{"id":"u","balance":"0.88","chargeBalance":"88.00","totalBalance":"88.88"}}"#,
            ],
            "balance@0 Some(88880000000)/None usd None",
        ),
        (
            Reader::Novita,
            &[r#"{"availableBalance":"1000000","cashBalance":"800000","creditLimit":"200000"}"#],
            "balance@0 Some(100000000000)/None usd None",
        ),
        (
            Reader::StepFunCn,
            &[
                r#"{"object":"account","type":"prepaid","balance":12.5,"total_cash_balance":10.0,"total_voucher_balance":15.0}"#,
            ],
            "prepaid balance@0 Some(12500000000)/None cny None",
        ),
        (
            Reader::Venice,
            &[
                r#"{"canConsume":true,"consumptionCurrency":"DIEM","balances":{"diem":90.5,"usd":25},"diemEpochAllocation":100}"#,
            ],
            "DIEM diem@86400 Some(90500000000)/Some(100000000000) credits Some(1700006400000); balance@0 Some(25000000000)/None usd None",
        ),
        (Reader::Vercel, &[r#"{"balance":"95.50","total_used":"4.50"}"#], "balance@0 Some(95500000000)/None usd None"),
        (
            Reader::Zai,
            &[
                r#"{"code":200,"msg":"ok","data":{"limits":[{"type":"TIME_LIMIT","unit":5,"number":1,"usage":100,"currentValue":28,"remaining":72,"percentage":28,"nextResetTime":1772615765983},{"type":"TOKENS_LIMIT","unit":3,"number":5,"percentage":1,"nextResetTime":1771073738808},{"type":"NEW","percentage":3}],"level":"lite"},"success":true}"#,
            ],
            "lite tools@2592000 Some(720)/Some(1000) percent Some(1772615765983); plan@18000 Some(990)/Some(1000) percent Some(1771073738808)",
        ),
    ];
    for (reader, bodies, expected) in table {
        assert_eq!(shown(reader, bodies), expected, "{}", reader.as_str());
    }
}

#[test]
fn every_reader_knows_its_name_and_its_own_origin() {
    for reader in Reader::ALL {
        let named: Reader = serde_json::from_str(&format!("\"{}\"", reader.as_str())).unwrap();
        assert_eq!(named, reader);
        assert!(reader.paths().iter().all(|path| path.starts_with('/') && !path.contains("//") && !path.contains('?')));
        assert_eq!(reader == Reader::None, reader.paths().is_empty());
        assert!(reader.paths().len() <= 2);
    }
}

#[test]
fn what_is_no_such_answer_says_nothing_and_quotes_nothing() {
    let key = "sk-very-secret";
    for reader in Reader::ALL {
        for body in ["", "{", "[]", "null", "{}", "<html>", r#"{"data":{}}"#, r#"{"error":"sk-very-secret is wrong"}"#]
        {
            let said = read(reader, &[body]).unwrap_err().to_string();
            assert!(!said.contains(key), "{said}");
        }
        assert!(reader.read(&[], NOW).is_err() && reader.read(&[None, Some(b"{}")], NOW).is_err());
    }
    assert_eq!(read(Reader::Zai, &[r#"{"code":401,"msg":"token expired","success":false}"#]), Err(Unread::Refused));
}

#[test]
fn whatever_number_is_sent_stays_a_sum_that_an_account_may_have() {
    for (text, nanos) in [
        ("1e300", Some(9_000_000_000_000_000_000)),
        ("-1e300", Some(0)),
        ("\"NaN\"", None),
        ("\"inf\"", None),
        ("\"\"", None),
        ("\" 1.5 \"", Some(1_500_000_000)),
        ("18446744073709551615", Some(9_000_000_000_000_000_000)),
        ("true", None),
    ] {
        let account = read(Reader::Vercel, &[&format!("{{\"balance\":{text}}}")]);
        assert_eq!(account.ok().map(|account| account.asked[0].left.unwrap()), nanos, "{text}");
    }
}

proptest! {
    #[test]
    fn no_body_and_no_time_is_too_much(body in "[ -~]{0,200}", now in any::<i64>()) {
        for reader in Reader::ALL {
            let _ = reader.read(&[Some(body.as_bytes()), Some(body.as_bytes())], now);
        }
        for word in ["hourly", "weekly", "monthly", "yearly"] {
            let key = format!(r#"{{"data":{{"limit":1,"usage":0,"limit_reset":"{word}"}}}}"#);
            prop_assert!(Reader::OpenRouter.read(&[Some(key.as_bytes())], now).is_ok());
        }
        let credits = br#"{"balances":{"diem":1},"diemEpochAllocation":2}"#;
        prop_assert!(Reader::Venice.read(&[Some(credits)], now).is_ok());
    }
}
