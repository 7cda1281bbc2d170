//! The relay in front of a made-up provider, on paused time: what passes, what is kept back, what silence and cuts do.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tokenrouter::Protocol;
use tokenrouter::call::{End, Finish, Keepsake, Observer, Relay};
use tokenrouter::chat::Target;
use tokenrouter::convert::{Asked, Path, translate};
use tokenrouter::error::{Kind, Problem};
use tokio::sync::mpsc;

/// A provider's body that a test feeds piece by piece; dropping the sender is a clean end.
struct Fed(mpsc::UnboundedReceiver<Result<Bytes, io::Error>>);

impl Body for Fed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<End>>>, Arc<Mutex<Vec<Keepsake>>>);

impl Seen {
    fn end(&self) -> End {
        let mut ends = self.0.lock().unwrap();
        assert_eq!(ends.len(), 1, "the end is told exactly once");
        ends.remove(0)
    }
}

impl Observer for Seen {
    fn first_byte(&mut self) {}

    fn keep(&mut self, keepsake: Keepsake) {
        self.1.lock().unwrap().push(keepsake);
    }

    fn end(&mut self, end: End) {
        self.0.lock().unwrap().push(end);
    }

    fn problem(&mut self, finish: &Finish) -> Problem {
        Problem::new(Kind::UpstreamFailed, "broken", format!("broken {finish:?}"), "")
    }

    fn explain(&mut self, finish: &Finish) -> Bytes {
        Bytes::from(format!("data: broken {finish:?}\n\n"))
    }
}

const IDLE: Duration = Duration::from_mins(1);

type Sender = mpsc::UnboundedSender<Result<Bytes, io::Error>>;

fn relay(protocol: Protocol, hide_usage: bool) -> (Sender, Relay<Seen, Fed>, Seen) {
    let (send, receive) = mpsc::unbounded_channel();
    let seen = Seen::default();
    (send, Relay::stream(Fed(receive), protocol, hide_usage, IDLE, seen.clone()), seen)
}

fn feed(send: &Sender, text: &str) {
    send.send(Ok(Bytes::copy_from_slice(text.as_bytes()))).unwrap();
}

async fn next(relay: &mut Relay<Seen, Fed>) -> Option<String> {
    let frame = relay.frame().await?.unwrap();
    Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
}

async fn rest(mut relay: Relay<Seen, Fed>) -> String {
    let mut all = String::new();
    while let Some(piece) = next(&mut relay).await {
        all.push_str(&piece);
    }
    all
}

/// A chat stream of `events` events and what of it a client sees from whom usage is kept.
fn chat(events: usize) -> (String, String) {
    let mut seen = String::new();
    for n in 0..events {
        seen.push_str(&format!(
            "data: {{\"choices\":[{{\"delta\":{{\"content\":\"🦀{n}\"}},\"finish_reason\":null}}]}}\n\n"
        ));
    }
    seen.push_str("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n");
    let usage =
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10}}\n\n";
    let done = "data: [DONE]\n\n";
    (format!("{seen}{usage}{done}"), format!("{seen}{done}"))
}

#[tokio::test(start_paused = true)]
async fn every_split_gives_the_same_bytes_and_the_same_counts() {
    let (stream, without_usage) = chat(400);
    let mut cuts: Vec<Vec<usize>> = (0..=stream.len()).step_by(37).map(|at| vec![at]).collect();
    cuts.extend([1, 2, 3, 97, 333].map(|size| (size..stream.len()).step_by(size).collect()));
    for hide in [false, true] {
        for cut in &cuts {
            let (send, relay, seen) = relay(Protocol::OpenAi, hide);
            let bytes = Bytes::from(stream.clone());
            let mut from = 0;
            for &to in cut.iter().chain([&stream.len()]) {
                send.send(Ok(bytes.slice(from..to))).unwrap();
                from = to;
            }
            drop(send);
            let mut all = Vec::new();
            let mut relay = relay;
            while let Some(frame) = relay.frame().await {
                all.extend_from_slice(&frame.unwrap().into_data().unwrap());
            }
            assert_eq!(all, if hide { without_usage.as_bytes() } else { stream.as_bytes() });
            let end = seen.end();
            assert_eq!(end.finish, Finish::Whole);
            assert_eq!(end.reported.map(|report| (report.counts.input(), report.counts.output)), Some((7, 3)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_event_is_handed_on_at_once() {
    for hide in [false, true] {
        let (send, mut relay, _) = relay(Protocol::OpenAi, hide);
        for n in 0..3 {
            let event = format!("data: {{\"n\":{n}}}\n\n");
            feed(&send, &event);
            assert_eq!(next(&mut relay).await.unwrap(), event);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn silence_is_bridged_within_fifteen_seconds_and_ends_at_the_idle_timeout() {
    for (protocol, sign) in [
        (Protocol::OpenAi, ": keep-alive\n\n"),
        (Protocol::Responses, ": keep-alive\n\n"),
        (Protocol::Anthropic, "event: ping\ndata: {\"type\": \"ping\"}\n\n"),
        (Protocol::Gemini, ": keep-alive\n\n"),
        (Protocol::Cohere, ": keep-alive\n\n"),
    ] {
        for hide in [false, true] {
            let (send, mut relay, seen) = relay(protocol, hide);
            feed(&send, "data: {\"type\":\"x\"}\n\n");
            next(&mut relay).await.unwrap();
            let mut last = tokio::time::Instant::now();
            let began = last;
            let mut signs = 0;
            let end = loop {
                let said = next(&mut relay).await.unwrap();
                assert!(last.elapsed() <= Duration::from_secs(15), "{protocol}: {:?} of silence", last.elapsed());
                last = tokio::time::Instant::now();
                if said != sign {
                    break said;
                }
                signs += 1;
            };
            assert!(signs >= 3, "{signs}");
            assert_eq!(end, "data: broken Idle\n\n");
            assert!(
                began.elapsed() >= IDLE && began.elapsed() <= IDLE + Duration::from_secs(10),
                "{:?}",
                began.elapsed()
            );
            assert_eq!(next(&mut relay).await, None);
            assert_eq!(seen.end().finish, Finish::Idle);
        }
    }
}

/// A client may take nothing for a while; that is not the provider's silence.
#[tokio::test(start_paused = true)]
async fn a_pause_of_the_client_ends_no_stream() {
    let (stream, _) = chat(20);
    let (send, mut relay, seen) = relay(Protocol::OpenAi, false);
    let mut all = String::new();
    for event in stream.split_inclusive("\n\n") {
        feed(&send, event);
        all.push_str(&next(&mut relay).await.unwrap());
        // Polled once in vain, so that the timer runs, then not at all for a long time.
        assert!(tokio::time::timeout(Duration::ZERO, relay.frame()).await.is_err());
        tokio::time::advance(IDLE * 10).await;
    }
    drop(send);
    all.push_str(&rest(relay).await);
    assert_eq!(all, stream);
    assert_eq!(seen.end().finish, Finish::Whole);
}

#[tokio::test(start_paused = true)]
async fn an_empty_answer_is_whole_before_anybody_asks_for_it() {
    let (send, receive) = mpsc::unbounded_channel();
    let seen = Seen::default();
    drop(send);
    let relay = Relay::whole(Empty(Fed(receive)), Protocol::OpenAi, IDLE, seen.clone());
    assert!(relay.is_end_stream());
    assert_eq!(relay.size_hint().exact(), Some(0));
    drop(relay);
    assert_eq!(seen.end().finish, Finish::Whole);
}

/// A body that is known to be empty.
struct Empty(Fed);

impl Body for Empty {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn no_sign_of_life_is_put_into_the_middle_of_an_event() {
    let (send, mut relay, _) = relay(Protocol::OpenAi, false);
    feed(&send, "data: {\"half\":");
    assert_eq!(next(&mut relay).await.unwrap(), "data: {\"half\":");
    assert_eq!(rest(relay).await, "\n\ndata: broken Idle\n\n", "nothing but the end");
}

#[tokio::test(start_paused = true)]
async fn a_cut_closes_the_open_event_and_explains() {
    for (hide, expected) in
        [(false, "data: {\"a\":1}\n\ndata: {\"ha\n\ndata: broken"), (true, "data: {\"a\":1}\n\ndata: broken")]
    {
        let (send, relay, seen) = relay(Protocol::OpenAi, hide);
        feed(&send, "data: {\"a\":1}\n\ndata: {\"ha");
        send.send(Err(io::Error::other("reset"))).unwrap();
        assert!(rest(relay).await.starts_with(expected));
        assert_eq!(seen.end().finish, Finish::Cut("reset".into()));
    }
    let (send, relay, seen) = relay(Protocol::OpenAi, false);
    feed(&send, "data: {\"a\":1}\n\n");
    drop(send);
    assert!(rest(relay).await.contains("without its end mark"));
    assert!(matches!(seen.end().finish, Finish::Cut(_)));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_early_is_told_apart_from_one_that_has_it_all() {
    let (stream, _) = chat(3);
    let (send, mut early, seen) = relay(Protocol::OpenAi, true);
    feed(&send, &stream[..60]);
    tokio::time::timeout(Duration::from_secs(1), early.frame()).await.ok();
    drop(early);
    assert_eq!(seen.end().finish, Finish::Abandoned);

    // Many clients hang up at the end mark without waiting for the connection's end.
    let (send, mut late, seen) = relay(Protocol::OpenAi, true);
    feed(&send, &stream);
    while next(&mut late).await.is_some_and(|piece| !piece.contains("[DONE]")) {}
    drop(late);
    let end = seen.end();
    assert_eq!((end.finish, end.reported.map(|r| r.counts.total())), (Finish::Whole, Some(10)));
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_one_piece_is_whole_or_visibly_broken() {
    let (send, receive) = mpsc::unbounded_channel();
    let seen = Seen::default();
    let mut relay = Relay::whole(Fed(receive), Protocol::OpenAi, IDLE, seen.clone());
    feed(&send, "{\"usage\":{\"prompt_tokens\":2,");
    feed(&send, "\"completion_tokens\":1}}");
    drop(send);
    while relay.frame().await.is_some() {}
    assert_eq!(seen.end().reported.unwrap().counts.total(), 3);

    let (send, receive) = mpsc::unbounded_channel();
    let seen = Seen::default();
    let mut relay = Relay::whole(Fed(receive), Protocol::OpenAi, IDLE, seen.clone());
    feed(&send, "{\"half");
    assert!(relay.frame().await.unwrap().is_ok());
    send.send(Err(io::Error::other("reset"))).unwrap();
    assert!(relay.frame().await.unwrap().is_err(), "a client must not take the half for the whole");
    assert!(matches!(seen.end().finish, Finish::Cut(_)));
}

#[tokio::test(start_paused = true)]
async fn a_responses_answer_is_kept_before_the_client_has_its_end() {
    let last = r#"{"type":"response.completed","response":{"id":"resp_1","output":[]}}"#;
    for cut in [30, 0] {
        let (send, mut relay, seen) = relay(Protocol::Responses, false);
        let text = format!("event: response.completed\ndata: {last}\n\n");
        let (first, second) = text.split_at(cut);
        feed(&send, "data: {\"type\":\"response.created\"}\n\n");
        if cut > 0 {
            feed(&send, first);
        }
        feed(&send, second);
        let mut told = String::new();
        while !told.ends_with("]}}\n\n") {
            assert!(seen.1.lock().unwrap().is_empty() || told.contains("created"));
            told.push_str(&next(&mut relay).await.unwrap());
        }
        let kept = std::mem::take(&mut *seen.1.lock().unwrap());
        assert_eq!(kept.len(), 1, "{cut}");
        assert_eq!(kept[0].answer.as_deref(), Some(last.as_bytes()));
        drop(send);
        assert_eq!(next(&mut relay).await, None);
        assert!(seen.1.lock().unwrap().is_empty(), "once");
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_without_its_blank_line_is_an_end_and_half_a_frame_is_none() {
    let last = r#"data: {"candidates":[{"content":{"parts":[{"text":"x"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":3}}"#;
    for hide in [false, true] {
        for (text, expected) in [(last, true), (last.strip_suffix('}').unwrap(), false)] {
            let (send, relay, seen) = relay(Protocol::Gemini, hide);
            feed(&send, text);
            drop(send);
            let told = rest(relay).await;
            let end = seen.end();
            assert_eq!(end.finish == Finish::Whole, expected, "{text}: {told}");
            assert_eq!(end.reported.is_some(), expected);
            assert_eq!(told == text, expected, "{told}");
        }
        let body = br#"{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}"#;
        for (text, expected) in [(last, true), (last.strip_suffix('}').unwrap(), false)] {
            let asked = Asked { protocol: Protocol::OpenAi, body, path: Path::default() };
            let done = translate(
                asked,
                &Target::new("google", Protocol::Gemini, "gemini"),
                tokenrouter::convert::Context::default(),
            )
            .unwrap();
            let (send, receive) = mpsc::unbounded_channel();
            let seen = Seen::default();
            let translator = done.back.stream();
            let relay = Relay::translated(Fed(receive), Protocol::Gemini, translator, IDLE, seen.clone());
            feed(&send, text);
            drop(send);
            let told = rest(relay).await;
            assert_eq!(seen.end().finish == Finish::Whole, expected, "{told}");
            assert_eq!(told.ends_with("data: [DONE]\n\n"), expected, "{told}");
        }
    }
}
