//! Numbers of models for people: tokens and prices.

use tokenrouter::price::Rate;

/// What nobody has said.
pub(super) const UNKNOWN: &str = "unknown";

/// Tokens: `200K`, `128K` of 131,072, `1M`, `1.05M`.
pub(super) fn tokens(count: Option<u64>) -> String {
    let Some(count) = count else { return UNKNOWN.to_owned() };
    // Windows are powers of two or of ten; both are called by the same round names.
    let kilo = if count.is_multiple_of(1_024) && !count.is_multiple_of(1_000) { 1_024 } else { 1_000 };
    match count {
        n if n >= kilo * kilo => format!("{}M", rounded(n, kilo * kilo)),
        n if n >= kilo => format!("{}K", rounded(n, kilo)),
        n => n.to_string(),
    }
}

/// With two decimals at most, and none that say nothing; tens and more without.
fn rounded(count: u64, unit: u64) -> String {
    if count >= 10 * unit {
        return ((count + unit / 2) / unit).to_string();
    }
    let hundredths = (count * 100 + unit / 2) / unit;
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// US dollars for a million tokens, exact, with two decimals at least.
pub(super) fn price(nanos: Option<u64>) -> String {
    let Some(rate) = nanos.and_then(Rate::from_nanos_per_million) else { return UNKNOWN.to_owned() };
    let text = rate.to_string();
    match text.split_once('.') {
        None => format!("{text}.00"),
        Some((_, rest)) if rest.len() < 2 => format!("{text}0"),
        Some(_) => text,
    }
}

/// At most `width` characters: what is in the middle of a longer name says least.
pub(super) fn fitted(name: &str, width: usize) -> String {
    let count = name.chars().count();
    if count <= width {
        return name.to_owned();
    }
    let kept = width.saturating_sub(1);
    let (first, last) = (kept.div_ceil(2), kept / 2);
    let start: String = name.chars().take(first).collect();
    let end: String = name.chars().skip(count - last).collect();
    format!("{start}…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_told_as_people_say_them() {
        for (count, text) in [
            (200_000, "200K"),
            (131_072, "128K"),
            (1_048_576, "1M"),
            (1_000_000, "1M"),
            (1_050_000, "1.05M"),
            (10_485_760, "10M"),
            (32_768, "32K"),
            (8_192, "8K"),
            (8_191, "8.19K"),
            (512, "512"),
            (999, "999"),
            (1, "1"),
        ] {
            assert_eq!(tokens(Some(count)), text, "{count}");
        }
        assert_eq!(tokens(None), "unknown");
    }

    #[test]
    fn prices_line_up_and_lose_nothing() {
        for (nanos, text) in
            [(3_000_000_000, "3.00"), (300_000_000, "0.30"), (37_500_000, "0.0375"), (0, "0.00"), (1, "0.000000001")]
        {
            assert_eq!(price(Some(nanos)), text, "{nanos}");
        }
        assert_eq!(price(None), "unknown");
    }

    #[test]
    fn long_names_keep_their_ends() {
        assert_eq!(fitted("short", 5), "short");
        assert_eq!(fitted("openrouter/meta-llama/llama-3.3-70b", 20), "openrouter…a-3.3-70b");
        assert_eq!(fitted("añb€cdef", 4), "añ…f");
        assert_eq!(fitted("abc", 1), "…");
        assert_eq!(fitted("abc", 0), "…");
    }
}
