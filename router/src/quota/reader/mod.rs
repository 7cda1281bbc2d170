//! Vendors that say what is left to whoever asks with the key that calls are made with, and for nothing.
//!
//! One vendor, one file: where it is asked, and what its answer means. A preset names its reader.

mod deepseek;
mod moonshot;
mod novita;
mod openrouter;
mod siliconflow;
mod stepfun;
mod venice;
mod vercel;
mod zai;

use std::fmt;

use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, de};

use super::Unit;

/// Where a vendor is asked what is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reader {
    /// Nowhere: what its answers tell in passing is all that is known.
    #[default]
    None,
    /// `GET /user/balance`.
    DeepSeek,
    /// `GET /v1/users/me/balance`, in US dollars.
    Moonshot,
    /// The same in yuan.
    MoonshotCn,
    /// `GET /openapi/v1/billing/balance/detail`.
    Novita,
    /// `GET /api/v1/key`, and `/api/v1/credits` where the key may ask for it.
    OpenRouter,
    /// `GET /v1/user/info`, in US dollars.
    SiliconFlow,
    /// The same in yuan.
    SiliconFlowCn,
    /// `GET /v1/accounts`, in US dollars.
    StepFun,
    /// The same in yuan.
    StepFunCn,
    /// `GET /api/v1/billing/balance`.
    Venice,
    /// `GET /v1/credits`.
    Vercel,
    /// `GET /api/monitor/usage/quota/limit`: the windows of a plan.
    Zai,
}

/// One thing that a vendor says is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What is limited, in a word.
    pub name: &'static str,
    /// In which time, in seconds; 0: for good.
    pub window_s: u32,
    /// What is counted.
    pub unit: Unit,
    /// How much there is in the window, where it says so.
    pub limit: Option<u64>,
    /// What is left of it.
    pub left: Option<u64>,
    /// When it is set back, in milliseconds since 1970.
    pub resets_ms: Option<i64>,
}

/// What a vendor says of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// What was bought, in the vendor's word.
    pub plan: Option<String>,
    /// What is left.
    pub asked: Vec<Asked>,
}

/// Why an answer says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is not what the vendor documents.
    NotUnderstood,
    /// It says inside that the key is refused.
    Refused,
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUnderstood => "its answer is not what its vendor documents",
            Self::Refused => "it refuses the key for this question",
        })
    }
}

impl std::error::Error for Unread {}

/// The answers to [`Reader::paths`], in their order; none where there was none.
pub type Answered<'a> = &'a [Option<&'a [u8]>];

impl Reader {
    /// Every reader.
    pub const ALL: [Self; 13] = [
        Self::None,
        Self::DeepSeek,
        Self::Moonshot,
        Self::MoonshotCn,
        Self::Novita,
        Self::OpenRouter,
        Self::SiliconFlow,
        Self::SiliconFlowCn,
        Self::StepFun,
        Self::StepFunCn,
        Self::Venice,
        Self::Vercel,
        Self::Zai,
    ];

    /// Its name in presets.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::DeepSeek => "deep-seek",
            Self::Moonshot => "moonshot",
            Self::MoonshotCn => "moonshot-cn",
            Self::Novita => "novita",
            Self::OpenRouter => "open-router",
            Self::SiliconFlow => "silicon-flow",
            Self::SiliconFlowCn => "silicon-flow-cn",
            Self::StepFun => "step-fun",
            Self::StepFunCn => "step-fun-cn",
            Self::Venice => "venice",
            Self::Vercel => "vercel",
            Self::Zai => "zai",
        }
    }

    /// What is asked for at the provider's own origin. The first answer must come, the others may.
    pub const fn paths(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::DeepSeek => &["/user/balance"],
            Self::Moonshot | Self::MoonshotCn => &["/v1/users/me/balance"],
            Self::Novita => &["/openapi/v1/billing/balance/detail"],
            Self::OpenRouter => &["/api/v1/key", "/api/v1/credits"],
            Self::SiliconFlow | Self::SiliconFlowCn => &["/v1/user/info"],
            Self::StepFun | Self::StepFunCn => &["/v1/accounts"],
            Self::Venice => &["/api/v1/billing/balance"],
            Self::Vercel => &["/v1/credits"],
            Self::Zai => &["/api/monitor/usage/quota/limit"],
        }
    }

    /// What the vendor's answers say at `now_unix_ms`.
    ///
    /// # Errors
    ///
    /// Why they say nothing; never in the vendor's words, which may quote the key.
    pub fn read(self, answers: Answered<'_>, now_unix_ms: i64) -> Result<Account, Unread> {
        let first = answers.first().copied().flatten().ok_or(Unread::NotUnderstood)?;
        let second = answers.get(1).copied().flatten();
        match self {
            Self::None => Err(Unread::NotUnderstood),
            Self::DeepSeek => deepseek::read(first),
            Self::Moonshot => moonshot::read(first, Unit::Usd),
            Self::MoonshotCn => moonshot::read(first, Unit::Cny),
            Self::Novita => novita::read(first),
            Self::OpenRouter => openrouter::read(first, second, now_unix_ms),
            Self::SiliconFlow => siliconflow::read(first, Unit::Usd),
            Self::SiliconFlowCn => siliconflow::read(first, Unit::Cny),
            Self::StepFun => stepfun::read(first, Unit::Usd),
            Self::StepFunCn => stepfun::read(first, Unit::Cny),
            Self::Venice => venice::read(first, now_unix_ms),
            Self::Vercel => vercel::read(first),
            Self::Zai => zai::read(first),
        }
    }
}

/// What is left of an account for good.
fn balance(name: &'static str, unit: Unit, left: Amount, limit: Option<Amount>) -> Asked {
    let limit = limit.map(Amount::billionths);
    Asked { name, window_s: 0, unit, limit, left: Some(left.billionths()), resets_ms: None }
}

fn parsed<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Unread> {
    serde_json::from_slice(body).map_err(|_| Unread::NotUnderstood)
}

/// At most 64 characters that no terminal obeys.
fn word(text: &str) -> Option<String> {
    let word: String = text.chars().filter(|c| !c.is_control()).take(64).collect();
    (!word.trim().is_empty()).then(|| word.trim().to_owned())
}

/// A number that some vendors write as a text.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Amount(f64);

impl Amount {
    /// In billionths; what is owed is nothing left.
    fn billionths(self) -> u64 {
        self.times(1e9)
    }

    /// So many times as much, rounded to the nearest and kept within what any account has.
    fn times(self, factor: f64) -> u64 {
        #[expect(clippy::cast_sign_loss, reason = "it is no less than zero, and not too large for an i64 either")]
        let amount = (self.0 * factor).round().clamp(0.0, 9e18) as u64;
        amount
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = Amount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or one in quotes")
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Amount, E> {
                if number.is_finite() { Ok(Amount(number)) } else { Err(E::custom("not finite")) }
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Amount, E> {
                self.visit_f64(number as f64)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Amount, E> {
                self.visit_f64(number as f64)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Amount, E> {
                self.visit_f64(text.trim().parse().map_err(E::custom)?)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests;
