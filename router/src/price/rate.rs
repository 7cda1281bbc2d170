//! A rate: nano-dollars for a million of something; and what there is to pay for.

use std::fmt;

/// A rate of payment: nano-dollars per 1,000,000 units. $0.0000005 for a token is $0.5 for a million: 500,000,000.
///
/// The finest rate is 10⁻¹⁵ dollars for one unit; published ones are coarser, so none is rounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u64);

impl Rate {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// $1,000,000,000 for a million: more is refused.
    pub const MOST: Self = Self(1_000_000_000_000_000_000);

    /// From nano-dollars per million units; none above [`Self::MOST`].
    pub const fn from_nanos_per_million(nanos: u64) -> Option<Self> {
        if nanos <= Self::MOST.0 { Some(Self(nanos)) } else { None }
    }

    /// Nano-dollars per million units.
    pub const fn nanos_per_million(self) -> u64 {
        self.0
    }

    /// Reads US dollars per million units: `2.5`, `0.003625`, `5e-7`. None if negative, no number, above
    /// [`Self::MOST`], or finer than a nano-dollar.
    pub fn parse(dollars: &str) -> Option<Self> {
        decimal(dollars, 9)
    }

    /// Reads US dollars for one unit, as `OpenRouter` lists them: `0.0000005` is $0.5 per million.
    pub fn parse_each(dollars: &str) -> Option<Self> {
        decimal(dollars, 15)
    }

    /// From a JSON number in dollars per million: rounded to a nano-dollar, which is finer than what was written.
    pub fn from_dollars(dollars: f64) -> Option<Self> {
        scaled(dollars, 1e9)
    }

    /// From a JSON number in dollars for one unit.
    pub fn from_dollars_each(dollars: f64) -> Option<Self> {
        scaled(dollars, 1e15)
    }

    /// `self × numerator / denominator`, rounded up; `self` where that is smaller or not defined.
    pub(super) fn raised(self, numerator: Self, denominator: Self) -> Self {
        if denominator.0 == 0 || numerator <= denominator {
            return self;
        }
        let product = u128::from(self.0) * u128::from(numerator.0);
        let raised = product.div_ceil(u128::from(denominator.0));
        Self(u64::try_from(raised).unwrap_or(u64::MAX).min(Self::MOST.0))
    }

    pub(super) fn twice(self) -> Self {
        Self(self.0.saturating_mul(2).min(Self::MOST.0))
    }
}

impl fmt::Display for Rate {
    /// Dollars per million, as short as they are exact.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        let rest = format!("{rest:09}");
        write!(f, "{whole}.{}", rest.trim_end_matches('0'))
    }
}

fn scaled(value: f64, by: f64) -> Option<Rate> {
    let scaled = (value * by).round();
    #[expect(clippy::cast_sign_loss, reason = "checked to be in range")]
    let nanos = (value >= 0.0 && scaled <= 1e18).then_some(scaled as u64)?;
    Rate::from_nanos_per_million(nanos)
}

/// A decimal number × 10^`places`, exactly.
fn decimal(text: &str, places: i32) -> Option<Rate> {
    let (number, exponent) = match text.find(['e', 'E']) {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?.parse::<i16>().ok()?),
        None => (text, 0),
    };
    let (whole, rest) = number.split_once('.').unwrap_or((number, ""));
    if whole.len() + rest.len() == 0 || whole.len() > 40 || rest.len() > 40 {
        return None;
    }
    let mut digits = 0_u128;
    for digit in whole.bytes().chain(rest.bytes()) {
        let digit = digit.is_ascii_digit().then(|| u128::from(digit - b'0'))?;
        digits = digits.checked_mul(10)?.checked_add(digit)?;
    }
    let shift = places + i32::from(exponent) - i32::try_from(rest.len()).ok()?;
    let power = 10_u128.checked_pow(shift.unsigned_abs())?;
    let nanos = if shift >= 0 {
        digits.checked_mul(power)?
    } else if digits.is_multiple_of(power) {
        digits / power
    } else {
        return None;
    };
    Rate::from_nanos_per_million(u64::try_from(nanos).ok()?)
}

/// What there is to pay for. Tokens are priced by the million; from [`Unit::Request`] on, pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Unit {
    /// Input tokens that no cache answered.
    Input,
    /// Output tokens.
    Output,
    /// Input tokens read from a cache.
    CacheRead,
    /// Input tokens written to a cache that lives for minutes.
    CacheWrite5m,
    /// Input tokens written to a cache that lives for an hour or more.
    CacheWrite1h,
    /// Output tokens of reasoning.
    Reasoning,
    /// Input tokens of sound.
    AudioIn,
    /// The same from a cache.
    AudioCached,
    /// Output tokens of sound.
    AudioOut,
    /// Input tokens of images.
    ImageIn,
    /// The same from a cache.
    ImageCached,
    /// Output tokens of images.
    ImageOut,
    /// A request (or a query, for rerankers).
    Request,
    /// An image made.
    Image,
    /// A second of sound or film in.
    SecondIn,
    /// A second of sound or film out.
    SecondOut,
    /// A character to be spoken.
    Character,
    /// A search in the web by the provider.
    WebSearch,
}

impl Unit {
    /// All of them, in order.
    pub const ALL: [Self; 18] = [
        Self::Input,
        Self::Output,
        Self::CacheRead,
        Self::CacheWrite5m,
        Self::CacheWrite1h,
        Self::Reasoning,
        Self::AudioIn,
        Self::AudioCached,
        Self::AudioOut,
        Self::ImageIn,
        Self::ImageCached,
        Self::ImageOut,
        Self::Request,
        Self::Image,
        Self::SecondIn,
        Self::SecondOut,
        Self::Character,
        Self::WebSearch,
    ];

    /// The name in data files and in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::CacheRead => "cache_read",
            Self::CacheWrite5m => "cache_write",
            Self::CacheWrite1h => "cache_write_1h",
            Self::Reasoning => "reasoning",
            Self::AudioIn => "audio_in",
            Self::AudioCached => "audio_cached",
            Self::AudioOut => "audio_out",
            Self::ImageIn => "image_in",
            Self::ImageCached => "image_cached",
            Self::ImageOut => "image_out",
            Self::Request => "request",
            Self::Image => "image",
            Self::SecondIn => "second_in",
            Self::SecondOut => "second_out",
            Self::Character => "character",
            Self::WebSearch => "web_search",
        }
    }

    /// The unit of this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.as_str() == name)
    }

    /// Whether tokens are counted; else pieces.
    pub const fn is_tokens(self) -> bool {
        (self as u8) < Self::Request as u8
    }

    /// Whether it is paid for what the model writes.
    pub const fn is_output(self) -> bool {
        matches!(self, Self::Output | Self::Reasoning | Self::AudioOut | Self::ImageOut)
    }

    pub(super) const fn bit(self) -> u32 {
        1 << self as u8
    }
}
