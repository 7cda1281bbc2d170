//! The arithmetic of prices: edges of lengths and hours, rules for what is missing, no overflow.

use proptest::prelude::*;

use super::*;
use crate::count::Counts;

const NOON: u64 = 1_790_000_000_000;
/// Saturday, 2026-11-21, 00:00:00 UTC.
const SATURDAY: u64 = 1_795_219_200_000;
const DAY: u64 = 86_400_000;
const HOUR: u64 = 3_600_000;

fn rate(dollars: &str) -> Rate {
    Rate::parse(dollars).unwrap_or_else(|| panic!("{dollars}"))
}

fn counts(buckets: [u64; 6]) -> Counts {
    let [input_uncached, cache_read, cache_write_5m, cache_write_1h, output, reasoning] = buckets;
    Counts { input_uncached, cache_read, cache_write_5m, cache_write_1h, output, reasoning }
}

fn total(price: &Price, buckets: [u64; 6]) -> u64 {
    price.cost(&Bill::new(counts(buckets), NOON)).unwrap().total_nanos
}

fn tiered(price: &Price, tier: ServiceTier, buckets: [u64; 6]) -> Cost {
    price.cost(&Bill { tier, ..Bill::new(counts(buckets), NOON) }).unwrap()
}

#[test]
fn rates_are_read_exactly_or_not_at_all() {
    for (text, nanos) in [
        ("0", 0),
        ("0.5", 500_000_000),
        ("2.50", 2_500_000_000),
        ("0.003625", 3_625_000),
        ("5e-7", 500),
        ("1E3", 1_000_000_000_000),
        (".5", 500_000_000),
        ("1000000000", 1_000_000_000_000_000_000),
    ] {
        assert_eq!(Rate::parse(text).map(Rate::nanos_per_million), Some(nanos), "{text}");
    }
    for text in
        ["", ".", "-1", "-0.5", "NaN", "inf", "1,5", "0x1", "1e", "1e99", "1e-99", "1000000000.1", "0.0000000001", "1 "]
    {
        assert_eq!(Rate::parse(text), None, "{text}");
    }
    assert_eq!(Rate::parse_each("0.0000005"), Some(rate("0.5")));
    assert_eq!(Rate::parse_each("-1"), None);
    for bad in [-1.0, f64::NAN, f64::INFINITY, -0.000_000_1, 1e10] {
        assert_eq!(Rate::from_dollars(bad), None, "{bad}");
    }
    // Numbers that no float holds exactly come out as they were written.
    for (float, text) in
        [(0.1, "0.1"), (0.003_625, "0.003625"), (1.000_000_000_000_000_1e-7 * 1e6, "0.1"), (26.25, "26.25")]
    {
        assert_eq!(Rate::from_dollars(float).unwrap().to_string(), text);
    }
}

#[test]
fn a_request_in_all_buckets() {
    let price = Price::new(rate("3"), rate("15"))
        .with(Unit::CacheRead, rate("0.3"))
        .with(Unit::CacheWrite5m, rate("3.75"))
        .with(Unit::CacheWrite1h, rate("6"));
    let cost = price.cost(&Bill::new(counts([1000, 2000, 300, 40, 500, 100]), NOON)).unwrap();
    assert_eq!(cost.input_nanos, 3_000_000);
    assert_eq!(cost.cache_read_nanos, 600_000);
    assert_eq!(cost.cache_write_5m_nanos, 1_125_000);
    assert_eq!(cost.cache_write_1h_nanos, 240_000);
    assert_eq!((cost.output_nanos, cost.reasoning_nanos), (6_000_000, 1_500_000));
    assert_eq!((cost.total_nanos, cost.assumed), (12_465_000, false));
}

#[test]
fn the_sum_is_rounded_once_and_up() {
    // A ten-millionth of a dollar per million: a token is a ten-thousandth of a nano-dollar.
    let price = Price::new(rate("0.0000001"), rate("0.0000001"));
    assert_eq!(total(&price, [1, 0, 0, 0, 0, 0]), 1);
    assert_eq!(total(&price, [5_000, 0, 0, 0, 5_000, 0]), 1);
    assert_eq!(total(&price, [5_000, 0, 0, 0, 5_001, 0]), 2);
    let cost = price.cost(&Bill::new(counts([5_000, 0, 0, 0, 5_001, 0]), NOON)).unwrap();
    assert_eq!((cost.input_nanos, cost.output_nanos), (1, 1));
    assert_eq!(total(&price, [0; 6]), 0);
}

#[test]
fn above_a_length_the_whole_request_is_dearer() {
    let above = When::above(200_000);
    let price = Price::new(rate("1.25"), rate("10"))
        .with(Unit::CacheRead, rate("0.125"))
        .with_when(above, Unit::Input, rate("2.5"))
        .with_when(above, Unit::Output, rate("15"));
    assert_eq!(total(&price, [200_000, 0, 0, 0, 1000, 0]), 200_000 * 1250 + 1000 * 10_000);
    assert_eq!(total(&price, [200_001, 0, 0, 0, 1000, 0]), 200_001 * 2500 + 1000 * 15_000);
    // What a cache answered counts for the length too; its rate follows that of the input.
    let cost = price.cost(&Bill::new(counts([1, 200_000, 0, 0, 0, 0]), NOON)).unwrap();
    assert_eq!((cost.total_nanos, cost.assumed), (2500 + 200_000 * 250, true));
    let two = price.with_when(When::above(400_000), Unit::Input, rate("5"));
    for (tokens, each) in [(400_000, 2500), (400_001, 5000)] {
        assert_eq!(total(&two, [tokens, 0, 0, 0, 0, 0]), tokens * each);
    }
}

#[test]
fn hours_begin_and_end_to_the_millisecond() {
    let cheap = Hours::parse("22:30-06:00").unwrap();
    let price = Price::new(rate("2"), rate("4")).with_when(When::hours(cheap), Unit::Input, rate("1"));
    let input_at = |at_ms| price.cost(&Bill::new(counts([1, 0, 0, 0, 0, 0]), at_ms)).unwrap().total_nanos;
    let half_past_ten = SATURDAY + 22 * HOUR + HOUR / 2;
    for (at_ms, nanos) in [
        (half_past_ten - 1, 2000),
        (half_past_ten, 1000),
        (SATURDAY + DAY - 1, 1000),
        (SATURDAY + DAY, 1000),
        (SATURDAY + DAY + 6 * HOUR - 1, 1000),
        (SATURDAY + DAY + 6 * HOUR, 2000),
        (SATURDAY, 1000),
        (0, 1000),
    ] {
        assert_eq!(input_at(at_ms), nanos, "{at_ms}");
    }
    // What the hours do not tell stays as usual.
    let output = counts([0, 0, 0, 0, 1, 0]);
    assert_eq!(price.cost(&Bill::new(output, half_past_ten)).unwrap().total_nanos, 4000);
}

#[test]
fn days_of_the_week() {
    let weekend = Hours::parse("00:00-00:00").unwrap().on(&[6, 7]);
    for (day, inside) in [(-1_i64, false), (0, true), (1, true), (2, false)] {
        let midnight = SATURDAY.saturating_add_signed(day * DAY.cast_signed());
        assert_eq!((weekend.has(midnight), weekend.has(midnight + DAY - 1)), (inside, inside), "{day}");
    }
    for bad in ["", "1:00-02:00", "24:00-01:00", "00:60-01:00", "00:00", "00:00-24:01", "aa:00-01:00", "00:00-+1:00"] {
        assert_eq!(Hours::parse(bad), None, "{bad}");
    }
    assert!(Hours::parse("18:00-24:00").unwrap().has(SATURDAY - 1));
}

#[test]
fn a_later_price_begins_at_its_millisecond() {
    let price = Price::new(rate("1"), rate("1"))
        .until(NOON + 10, Price::new(rate("3"), rate("3")))
        .until(NOON + 5, Price::new(rate("2"), rate("2")).until(NOON + 10, Price::new(rate("3"), rate("3"))));
    let at = |at_ms| price.cost(&Bill::new(counts([1, 0, 0, 0, 0, 0]), at_ms)).unwrap().total_nanos;
    assert_eq!([at(NOON + 4), at(NOON + 5), at(NOON + 9), at(NOON + 10)], [1000, 2000, 2000, 3000]);
}

#[test]
fn tiers_of_service() {
    let price = Price::new(rate("2"), rate("8"))
        .with(Unit::CacheRead, rate("0.5"))
        .with_when(When::tier(ServiceTier::Flex), Unit::Input, rate("1"))
        .with_when(When::tier(ServiceTier::Flex), Unit::Output, rate("4"))
        .with_when(When::tier(ServiceTier::Priority), Unit::Input, rate("3.5"))
        .with_when(When::tier(ServiceTier::Priority), Unit::Output, rate("14"))
        .with_when(When::above(1000), Unit::Input, rate("4"));
    let flex = tiered(&price, ServiceTier::Flex, [1000, 0, 0, 0, 10, 5]);
    assert_eq!((flex.total_nanos, flex.assumed), (1_000_000 + 40_000, false));
    // A cheaper tier that is silent about the cache is taken to give no discount; a dearer one, to be dearer.
    let flex = tiered(&price, ServiceTier::Flex, [0, 1000, 0, 0, 0, 0]);
    assert_eq!((flex.total_nanos, flex.assumed), (500_000, true));
    let priority = tiered(&price, ServiceTier::Priority, [0, 1000, 0, 0, 0, 0]);
    assert_eq!((priority.total_nanos, priority.assumed), (875_000, true));
    // Long requests in a tier that does not speak of them: as much dearer as long ones are in the standard tier.
    let long = tiered(&price, ServiceTier::Flex, [1001, 0, 0, 0, 0, 0]);
    assert_eq!((long.total_nanos, long.assumed), (1001 * 2000, true));
    // No such tier: the standard price, by assumption.
    let batch = tiered(&price, ServiceTier::Batch, [1000, 0, 0, 0, 0, 0]);
    assert_eq!((batch.total_nanos, batch.assumed), (2_000_000, true));
}

#[test]
fn what_a_list_leaves_out_is_taken_the_dearer_way() {
    let plain = Price::new(rate("2"), rate("8"));
    for (buckets, nanos) in
        [([0, 1000, 0, 0, 0, 0], 2_000_000), ([0, 0, 1000, 0, 0, 0], 2_000_000), ([0, 0, 0, 1000, 0, 0], 2_000_000)]
    {
        let cost = plain.cost(&Bill::new(counts(buckets), NOON)).unwrap();
        assert_eq!((cost.total_nanos, cost.assumed), (nanos, true), "{buckets:?}");
    }
    let reasoning = plain.cost(&Bill::new(counts([0, 0, 0, 0, 1000, 1000]), NOON)).unwrap();
    assert_eq!((reasoning.reasoning_nanos, reasoning.assumed), (8_000_000, false));
    let writes = plain.with(Unit::CacheWrite5m, rate("2.5"));
    assert_eq!(total(&writes, [0, 0, 0, 1000, 0, 0]), 4_000_000);
    let apart = plain.with(Unit::Reasoning, rate("20"));
    assert_eq!(total(&apart, [0, 0, 0, 0, 1000, 400]), 600 * 8000 + 400 * 20_000);
}

#[test]
fn sound_images_and_pieces() {
    let price = Price::new(rate("2"), rate("8"))
        .with(Unit::AudioIn, rate("40"))
        .with(Unit::AudioOut, rate("80"))
        .with(Unit::WebSearch, Rate::parse_each("0.01").unwrap());
    let media = Media { audio_in: 100, audio_out: 50, web_searches: 2, images: 9, ..Media::default() };
    let bill = Bill { media, ..Bill::new(counts([1000, 0, 0, 0, 200, 0]), NOON) };
    let cost = price.cost(&bill).unwrap();
    assert_eq!(cost.input_nanos, 900 * 2000 + 100 * 40_000);
    assert_eq!(cost.output_nanos, 150 * 8000 + 50 * 80_000);
    assert_eq!(cost.pieces_nanos, 20_000_000);
    let mut draft = Draft::default();
    draft.set(When::default(), Unit::SecondIn, Rate::parse_each("0.0001").unwrap());
    let by_seconds = draft.build().unwrap();
    let heard = Media { seconds_in: 60, ..Media::default() };
    assert_eq!(by_seconds.cost(&Bill { media: heard, ..Bill::default() }).unwrap().total_nanos, 6_000_000);
    // Nobody counted the seconds: unknown, not free.
    assert_eq!(by_seconds.cost(&Bill::new(counts([1, 0, 0, 0, 1, 0]), NOON)), None);
}

#[test]
fn unknown_is_not_zero_and_free_is() {
    assert_eq!(Draft::default().build(), None);
    let free = Price::free().cost(&Bill::new(counts([9, 9, 9, 9, 9, 9]), NOON)).unwrap();
    assert_eq!((free.total_nanos, Price::free().is_free()), (0, true));
    assert!(!Price::new(Rate::ZERO, rate("1")).is_free());
    let mut draft = Draft::default();
    draft.set(When::default(), Unit::Input, rate("1"));
    let embeds = draft.build().unwrap();
    assert_eq!(total(&embeds, [1000, 0, 0, 0, 0, 0]), 1_000_000);
    assert_eq!(embeds.cost(&Bill::new(counts([1000, 0, 0, 0, 1, 0]), NOON)), None);
}

fn any_price() -> impl Strategy<Value = Price> {
    let line = (
        0..Unit::ALL.len(),
        0..ServiceTier::ALL.len(),
        prop_oneof![Just(0), Just(1000_u32)],
        0..=Rate::MOST.nanos_per_million(),
    );
    proptest::collection::vec(line, 0..12).prop_map(|lines| {
        lines.into_iter().fold(Price::new(rate("1"), rate("2")), |price, (unit, tier, above, nanos)| {
            let when = When { tier: ServiceTier::ALL[tier], above, hours: None };
            price.with_when(when, Unit::ALL[unit], Rate::from_nanos_per_million(nanos).unwrap())
        })
    })
}

proptest! {
    #[test]
    fn never_panics_and_parts_add_up(price in any_price(), buckets: [u64; 6], media: [u64; 6], tier in 0..5_usize, at_ms: u64) {
        let media = Media {
            audio_in: media[0], audio_out: media[1], image_cached: media[2], images: media[3], web_searches: media[4],
            characters: media[5], ..Media::default()
        };
        for buckets in [buckets, [u64::MAX; 6]] {
            let bill = Bill { media, tier: ServiceTier::ALL[tier], ..Bill::new(counts(buckets), at_ms) };
            if let Some(cost) = price.cost(&bill) {
                let parts = [
                    cost.input_nanos, cost.cache_read_nanos, cost.cache_write_5m_nanos, cost.cache_write_1h_nanos,
                    cost.output_nanos, cost.reasoning_nanos, cost.pieces_nanos,
                ];
                prop_assert_eq!(parts.iter().sum::<u64>(), cost.total_nanos);
            }
        }
    }

    #[test]
    fn adds_up_and_grows_in_each_bucket(rates in proptest::collection::vec(0..10_000_000_000_000_u64, 6), a: [u16; 6], b: [u16; 6]) {
        let units = [Unit::Input, Unit::CacheRead, Unit::CacheWrite5m, Unit::CacheWrite1h, Unit::Output, Unit::Reasoning];
        let price = units.into_iter().zip(&rates).fold(Price::free(), |price, (unit, nanos)| {
            price.with(unit, Rate::from_nanos_per_million(*nanos).unwrap())
        });
        // Reasoning is a part of output.
        let whole = |mut n: [u64; 6]| { n[4] += n[5]; n };
        let (a, b) = (whole(a.map(u64::from)), whole(b.map(u64::from)));
        let both = std::array::from_fn(|i| a[i] + b[i]);
        let apart = total(&price, a) + total(&price, b);
        let together = total(&price, both);
        // Each sum is rounded up once.
        prop_assert!(together == apart || together + 1 == apart, "{together} {apart}");
        for bucket in 0..6 {
            let mut more = a;
            more[bucket] += 1000;
            if bucket == 5 {
                more[4] += 1000;
            }
            prop_assert!(total(&price, more) >= total(&price, a), "{bucket}");
        }
    }
}

#[test]
fn what_the_cache_saved_is_what_else_would_have_been_paid() {
    let price = Price::new(rate("3"), rate("15"))
        .with(Unit::CacheRead, rate("0.3"))
        .with(Unit::CacheWrite5m, rate("3.75"))
        .with(Unit::CacheWrite1h, rate("6"))
        .with_when(When::above(1000), Unit::Input, rate("6"));
    let saved = |bill: &Bill| price.saved_nanos(bill, &price.cost(bill).unwrap());
    let of = |buckets| saved(&Bill::new(counts(buckets), NOON));
    assert_eq!(of([10, 900, 0, 0, 5, 0]), 900 * 2700);
    assert_eq!(of([10, 0, 500, 400, 5, 0]), -500 * 750 - 400 * 3000);
    assert_eq!(of([10, 0, 0, 0, 5, 0]), 0);
    // The length stays what it is, and so do the rates that it brings.
    assert_eq!(of([1, 1000, 0, 0, 0, 0]), 1000 * 6000 - 1000 * 600);
    let billed = Bill { billed: Some([5, 5]), ..Bill::new(counts([10, 900, 0, 0, 5, 0]), NOON) };
    assert_eq!((price.cost(&billed).unwrap().total_nanos, saved(&billed)), (5 * 3000 + 5 * 15_000, 0));
    assert_eq!(saved(&Bill::new(counts([u64::MAX; 6]), NOON)), 0, "both are more than can be told");
}

#[test]
fn what_has_no_rate_of_its_own_is_text_and_that_is_no_assumption() {
    let media = Media { audio_in: 10, image_cached: 20, image_out: 5, ..Media::default() };
    let bill = Bill { media, ..Bill::new(counts([100, 50, 0, 0, 9, 0]), NOON) };
    let price = Price::new(rate("2"), rate("8")).with(Unit::CacheRead, rate("1"));
    let cost = price.cost(&bill).unwrap();
    assert_eq!((cost.total_nanos, cost.assumed), (100 * 2000 + 50 * 1000 + 9 * 8000, false));
    let told = price.with(Unit::ImageIn, rate("3")).cost(&bill).unwrap();
    assert_eq!((told.total_nanos, told.assumed), (100 * 2000 + 30 * 1000 + 20 * 3000 + 9 * 8000, true));
}
