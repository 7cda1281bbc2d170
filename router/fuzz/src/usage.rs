//! Target `usage`: the counts of any answer are disjoint, bounded, and do not depend on how its stream was cut.

use bytes::Bytes;
use tokenrouter::count::stream::{Frame, Meter};
use tokenrouter::count::{Report, body, estimate};

use super::case;
use super::legal::frames;

/// The first byte is the protocol, the second says how a stream is cut, the rest is a stream or an answer.
pub fn run(data: &[u8]) {
    let Some((protocol, rest)) = case::protocol(data) else { return };
    let Some((seed, answer)) = rest.split_first() else { return };
    if let Some(report) = body::read(protocol, answer) {
        check(&report);
    }
    // No text has more tokens than bytes, beside what a request costs in any case.
    assert!(estimate::answer_tokens(answer) <= answer.len() as u64 + 16);
    assert!(body::estimate(answer, answer).total() <= 2 * answer.len() as u64 + 64);

    let whole = metered(protocol, &frames(&[Bytes::copy_from_slice(answer)]));
    let cut = metered(protocol, &frames(&case::pieces(answer, *seed)));
    assert_eq!(whole, cut);
    if let Some(report) = whole.0 {
        check(&report);
    }
    assert!(whole.1 <= answer.len() as u64 + 16);
}

fn check(report: &Report) {
    let Report { counts, media, .. } = report;
    assert!(counts.reasoning <= counts.output, "reasoning is a part of the output: {counts:?}");
    assert!(counts.total() >= counts.input().max(counts.output));
    let is_part = |parts: [u64; 2], whole| parts.iter().fold(0_u64, |sum, part| sum.saturating_add(*part)) <= whole;
    assert!(is_part([media.audio_in, media.image_in], counts.input_uncached), "{report:?}");
    assert!(is_part([media.audio_cached, media.image_cached], counts.cache_read), "{report:?}");
    assert!(is_part([media.audio_out, media.image_out], counts.output), "{report:?}");
}

/// What a meter has seen: the reported counts, the estimate, whether the answer is whole, whether it failed, how many
/// frames there were, and what the frames were.
fn metered(protocol: tokenrouter::Protocol, frames: &[Bytes]) -> (Option<Report>, u64, bool, bool, u64, Vec<Frame>) {
    let mut meter = Meter::new(protocol);
    // A piece of a line's end makes no frame that says anything.
    let seen = frames.iter().map(|frame| meter.read(frame)).filter(|frame| *frame != Frame::Other).collect();
    (meter.reported(), meter.estimated_output(), meter.is_whole(), meter.has_failed(), meter.frames(), seen)
}
