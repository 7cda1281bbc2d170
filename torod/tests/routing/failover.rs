//! What an answer, or its absence, means: who is asked next, how often, and what the client sees of it.

use std::time::{Duration, Instant};

use torod::clock::Clock;

use crate::act::{Act, PIECES, Speech, error};
use crate::rig::{Ending, HEAD, Rig, alias, provider};
use crate::support::SOON;
use crate::upstream::{Upstream, untrusted};

const HASTY: &str = "timeouts = { connect = \"2s\", first_byte = \"1s\", idle = \"1s\" }";

async fn hasty() -> Rig {
    let inside = [format!("priority = 0\n{HASTY}"), format!("priority = 10\n{HASTY}")];
    Rig::new("", &[&inside[0], &inside[1]], "[routing]\nprobe = false\n").await
}

/// Asks once with the first provider acting so; the backup is well.
async fn once(act: Act, speech: Speech, stream: bool) -> (u16, Vec<u64>, String) {
    let rig = hasty().await;
    rig.up[0].always(act);
    let outcome = rig.ask(speech, "m", stream, "hi", &[]).await;
    let seen = rig.seen();
    assert!(outcome.status != 200 || outcome.is_good(), "{outcome:?}");
    rig.stop().await;
    (outcome.status, seen, outcome.text)
}

#[tokio::test]
async fn row_72_failures_of_a_provider_are_mended_by_the_next() {
    for act in [
        Act::status(408),
        Act::status(409),
        Act::status(425),
        Act::status(429),
        Act::with(429, "retry-after", "60"),
        Act::status(500),
        Act::status(502),
        Act::status(503),
        Act::status(504),
        Act::status(529),
        Act::Html(502),
        Act::Html(503),
        Act::status(401),
        Act::status(403),
        Act::status(402),
        Act::Says(429, error(Speech::OpenAi, 402).to_string()),
        Act::status(404),
        Act::Says(400, r#"{"error":{"message":"The model is currently overloaded, try later","type":"x"}}"#.to_owned()),
        Act::ResetBeforeHead,
        Act::Hang,
    ] {
        let (status, seen, text) = once(act.clone(), Speech::OpenAi, false).await;
        assert_eq!((status, seen), (200, vec![1, 1]), "{act:?}: {text}");
    }
}

#[tokio::test]
async fn row_72_half_of_a_whole_answer_is_mended_by_the_next() {
    for speech in Speech::ALL {
        for act in [Act::ResetMidBody, Act::CutAfter(0, false), Act::HangAfter(0)] {
            let (status, seen, text) = once(act.clone(), speech, false).await;
            assert_eq!((status, seen), (200, vec![1, 1]), "{speech:?} {act:?}: {text}");
        }
    }
}

#[tokio::test]
async fn row_72_a_page_that_says_200_is_no_answer() {
    for stream in [false, true] {
        let (status, seen, text) = once(Act::Html(200), Speech::OpenAi, stream).await;
        assert_eq!((status, seen), (200, vec![1, 1]), "{text}");
    }
}

#[tokio::test]
async fn row_72_the_same_in_every_protocol() {
    for speech in [Speech::Anthropic, Speech::Responses, Speech::Gemini] {
        for (act, stream) in [
            (Act::status(503), false),
            (Act::status(429), true),
            (Act::status(401), false),
            (Act::ErrorAfter(0), true),
            (Act::ResetMidBody, true),
        ] {
            let (status, seen, text) = once(act.clone(), speech, stream).await;
            assert_eq!((status, seen), (200, vec![1, 1]), "{speech:?} {act:?}: {text}");
        }
    }
}

#[tokio::test]
async fn row_72_a_fault_of_the_request_is_answered_at_once() {
    for status in [400, 413, 422] {
        let (answered, seen, text) = once(Act::status(status), Speech::OpenAi, false).await;
        assert_eq!((answered, seen), (status, vec![1, 0]), "{text}");
    }
}

/// A first provider at `url`, and a backup that works.
async fn unreachable(url: &str) -> Rig {
    let backup = Upstream::start("p1", &["m", "m2"]);
    let text = format!(
        "{HEAD}{}{}{}[routing]\nprobe = false\n",
        provider("p0", url, &format!("priority = 0\n{HASTY}")),
        provider("p1", &backup.url(), "priority = 10"),
        alias("both", &["- p0 m", "- p1 m"])
    );
    let rig = Rig::of(vec![backup], &text, Clock::fixed(1_800_000_000_000)).await;
    // The look at its list has failed already; only a request is to find out.
    rig.clock.advance(10 * 60_000);
    rig
}

#[tokio::test]
async fn row_72_no_connection_is_mended_by_the_next() {
    let closed = Upstream::start("p0", &[]);
    closed.close().await;
    for url in [closed.url(), "http://no-such-host.invalid:9".to_owned(), untrusted().await] {
        let rig = unreachable(&url).await;
        let answer = rig.chat("both").await;
        assert_eq!(answer.status, 200, "{url}: {}", answer.text());
        assert_eq!(answer.header("x-tokenrouter-provider"), "p1");
        assert_eq!(answer.header("x-tokenrouter-attempts"), "2", "{url}");
        assert_eq!(rig.chat("both").await.header("x-tokenrouter-attempts"), "1", "{url}: from then on it is skipped");
        // Alone it says what is wrong, in words.
        let alone = rig.chat("p0/m").await;
        assert!(alone.status.is_server_error(), "{}", alone.text());
        rig.stop().await;
    }
}

#[tokio::test]
async fn probe_10_a_name_that_does_not_resolve_is_mended_by_the_next() {
    let rig = unreachable("http://no-such-host.invalid:9").await;
    for _ in 0..5 {
        let outcome = rig.stream("both").await;
        assert!(outcome.is_good() && outcome.who().0 == "p1", "{outcome:?}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn row_73_what_cannot_get_better_is_not_repeated() {
    for status in [400, 401, 403, 404, 413, 422] {
        let rig = Rig::equal(1, "[routing]\nprobe = false\n").await;
        rig.up[0].always(Act::status(status));
        let answer = rig.chat("m").await;
        assert_eq!((answer.status.as_u16(), rig.seen()), (status, vec![1]), "{}", answer.text());
        rig.stop().await;
    }
}

#[tokio::test]
async fn row_71_a_single_endpoint_is_asked_again_after_a_jittered_pause() {
    let rig = Rig::equal(1, "[routing]\nprobe = false\n").await;
    rig.up[0].does(|ask| if ask.n % 2 == 0 { Act::status(503) } else { Act::Ok });
    let answer = rig.chat("m").await;
    assert_eq!((answer.status.as_u16(), rig.up[0].calls()), (200, 2), "{}", answer.text());
    assert_eq!(answer.header("x-tokenrouter-attempts"), "2");
    let asks = rig.up[0].asks();
    let gap = asks[1].at - asks[0].at;
    // The pause is at most 100 ms (tested where it is chosen); the rest is for a busy machine.
    assert!(gap <= Duration::from_secs(5), "{gap:?}");
    rig.stop().await;
}

#[tokio::test]
async fn repeats_are_bounded_by_the_budget() {
    let rig = Rig::equal(1, "[routing]\nprobe = false\nbreaker = { failures = 1000 }\n").await;
    rig.up[0].always(Act::Ok);
    for _ in 0..50 {
        rig.chat("m").await;
    }
    rig.seen();
    rig.up[0].always(Act::status(503));
    for _ in 0..200 {
        rig.chat("m").await;
    }
    let calls = rig.seen()[0];
    // A fifth of the traffic, with what had been saved up before.
    assert!((200..=275).contains(&calls), "{calls} calls for 200 requests");
    rig.stop().await;
}

#[tokio::test]
async fn row_74_the_first_request_already_is_served_by_the_backup() {
    let rig = Rig::with_backup("").await;
    rig.up[0].always(Act::status(503));
    let answer = rig.chat("m").await;
    assert_eq!((answer.status.as_u16(), rig.seen()), (200, vec![1, 1]), "{}", answer.text());
    assert_eq!(answer.header("x-tokenrouter-provider"), "p1");
    rig.stop().await;
}

#[tokio::test]
async fn probe_9_one_call_to_the_failing_and_one_to_the_healthy() {
    let rig = Rig::with_backup("[routing]\nattempts = 3\n").await;
    rig.up[0].always(Act::status(503));
    for stream in [false, true] {
        let outcome = rig.ask(Speech::OpenAi, "m", stream, "hi", &[]).await;
        assert!(outcome.is_good(), "{outcome:?}");
        assert_eq!(rig.seen(), [1, 1]);
    }
    rig.stop().await;
}

#[tokio::test]
async fn probe_11_a_refused_key_is_put_aside() {
    for status in [401, 403] {
        let rig = Rig::with_backup("[routing]\nprobe = false\n").await;
        rig.up[0].always(Act::status(status));
        for n in 0..5 {
            let answer = rig.chat(if n % 2 == 0 { "m" } else { "m2" }).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        assert_eq!(rig.seen(), [1, 5]);
        rig.clock.advance(4 * 60_000);
        rig.chat("m").await;
        assert_eq!(rig.seen(), [0, 1]);
        rig.up[0].always(Act::Ok);
        rig.clock.advance(2 * 60_000);
        rig.chat("m").await;
        assert_eq!(rig.seen(), [1, 0], "after five minutes it is tried again");
        rig.stop().await;
    }
}

#[tokio::test]
async fn row_75_a_stream_falls_over_before_its_first_content() {
    for act in [
        Act::status(503),
        Act::ErrorAfter(0),
        Act::CutAfter(0, false),
        Act::CutAfter(0, true),
        Act::ResetMidBody,
        Act::HangAfter(0),
        Act::Hang,
    ] {
        for speech in [Speech::OpenAi, Speech::Anthropic] {
            let rig = hasty().await;
            rig.up[0].always(act.clone());
            let outcome = rig.ask(speech, "m", true, "hi", &[]).await;
            assert!(outcome.is_good(), "{speech:?} {act:?}: {outcome:?}");
            assert_eq!((outcome.pieces, outcome.who().0.as_str()), (PIECES, "p1"), "{outcome:?}");
            assert_eq!(rig.seen(), [1, 1], "{act:?}");
            rig.stop().await;
        }
    }
}

#[tokio::test]
async fn row_75_after_its_first_content_it_ends_with_an_error_and_is_not_begun_anew() {
    for act in
        [Act::CutAfter(5, false), Act::CutAfter(5, true), Act::ResetAfter(5), Act::ErrorAfter(5), Act::HangAfter(5)]
    {
        for speech in Speech::ALL {
            let rig = hasty().await;
            rig.up[0].always(act.clone());
            let outcome = rig.ask(speech, "m", true, "hi", &[]).await;
            assert_eq!((outcome.status, outcome.ending), (200, Ending::Error), "{speech:?} {act:?}: {outcome:?}");
            assert_eq!(outcome.pieces, 5, "{speech:?} {act:?}: {outcome:?}");
            assert_eq!(outcome.broken, None);
            assert_eq!(rig.seen(), [1, 0], "{speech:?} {act:?}");
            rig.stop().await;
        }
    }
}

#[tokio::test]
async fn row_76_alone_it_is_asked_again_when_it_said() {
    // On the system's clock: the pause is a real one.
    let up = vec![Upstream::start("p0", &["m"])];
    let rig = Rig::over(up, "", &[""], "[routing]\nprobe = false\n", Clock::system()).await;
    rig.up[0].does(|ask| if ask.n == 0 { Act::with(429, "retry-after", "2") } else { Act::Ok });
    let answer = rig.chat("m").await;
    assert_eq!((answer.status.as_u16(), rig.up[0].calls()), (200, 2), "{}", answer.text());
    let asks = rig.up[0].asks();
    let gap = asks[1].at - asks[0].at;
    assert!(gap >= Duration::from_secs(2) && gap < SOON, "{gap:?}");
    rig.stop().await;
}

#[tokio::test]
async fn row_76_with_another_it_does_not_wait() {
    let rig = Rig::with_backup("[routing]\nprobe = false\n").await;
    rig.up[0].always(Act::with(429, "retry-after", "25"));
    let began = Instant::now();
    assert_eq!(rig.chat("m").await.status, 200);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    assert_eq!(rig.seen(), [1, 1]);
    assert_eq!(rig.chat("m").await.status, 200);
    assert_eq!(rig.seen(), [0, 1], "it is left alone for as long as it said");
    rig.clock.advance(26_000);
    rig.up[0].always(Act::Ok);
    rig.chat("m").await;
    assert_eq!(rig.seen(), [1, 0], "and no longer");
    rig.stop().await;
}

#[tokio::test]
async fn row_76_a_wait_that_is_too_long_is_told_to_the_client() {
    let rig = Rig::equal(1, "[routing]\nprobe = false\n").await;
    rig.up[0].always(Act::with(429, "retry-after", "3600"));
    let began = Instant::now();
    // What the provider says is told; it is asked again after a quarter of an hour at the latest.
    for (calls, told) in [(1, 3_590..=3_600), (0, 890..=900)] {
        let answer = rig.chat("m").await;
        assert_eq!((answer.status.as_u16(), rig.seen()), (429, vec![calls]), "{}", answer.text());
        let after: i64 = answer.header("retry-after").parse().unwrap();
        assert!(told.contains(&after), "{after}");
    }
    assert!(began.elapsed() < SOON);
    rig.stop().await;
}

#[tokio::test]
async fn row_76_all_waits_of_a_request_together_are_bounded() {
    // The daemon's clock stands, as if others took every place that becomes free: after its wait the request finds the
    // endpoint limited again.
    let rig = Rig::equal(1, "[routing]\nprobe = false\nmax_wait = \"1s\"\n").await;
    rig.up[0].always(Act::with(429, "retry-after", "1"));
    let answer = tokio::time::timeout(SOON, rig.chat("m")).await;
    assert_eq!(answer.unwrap_or_else(|_| panic!("it waits for ever")).status, 429);
    rig.stop().await;
}

#[tokio::test]
async fn every_fitting_endpoint_is_tried_once_and_the_last_answer_is_told() {
    let rig = Rig::new("", &[""; 6], "[routing]\nattempts = 3\nprobe = false\n").await;
    for up in &rig.up[..5] {
        up.always(Act::status(503));
    }
    // Until the five are known to fail, each request finds the sixth.
    for _ in 0..4 {
        let answer = rig.chat("m").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    rig.up[5].always(Act::status(500));
    let answer = rig.chat("m").await;
    assert!(answer.status.is_server_error(), "{}", answer.text());
    let attempts: u32 = answer.header("x-tokenrouter-attempts").parse().unwrap();
    assert!((1..=6).contains(&attempts), "{attempts}");
    rig.stop().await;
}

#[tokio::test]
async fn attempts_are_rows_of_one_exchange() {
    let rig = Rig::with_backup("").await;
    rig.up[0].always(Act::status(503));
    assert!(rig.stream("m").await.is_good());
    let rows = rig.daemon.rows("provider, status, outcome, exchange_id").await;
    assert_eq!(rows.len(), 2, "{rows:?}");
    let rows: Vec<Vec<&str>> = rows.iter().map(|row| row.iter().map(String::as_str).collect()).collect();
    assert_eq!((rows[0][1], &rows[1][1..3]), ("503", &["200", "0"][..]), "{rows:?}");
    assert_ne!((rows[0][0], rows[0][2]), (rows[1][0], rows[1][2]), "{rows:?}");
    assert_eq!(rows[0][3], rows[1][3], "{rows:?}");
    rig.stop().await;
}
