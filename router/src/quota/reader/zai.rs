//! Z.AI and Zhipu: how much of each window of a coding plan was used. A refused key is told with the status 200.

use serde::Deserialize;

use super::{Account, Amount, Asked, Unread, parsed, word};
use crate::quota::Unit;

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    code: Option<i64>,
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    limits: Vec<Limit>,
    #[serde(default)]
    level: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Limit {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    unit: Option<u32>,
    #[serde(default)]
    number: Option<u32>,
    percentage: Amount,
    #[serde(default)]
    next_reset_time: Option<i64>,
}

impl Limit {
    fn window_s(&self) -> u32 {
        let one = match self.unit {
            Some(1) => 86_400,
            Some(3) => 3_600,
            Some(5) => 2_592_000,
            Some(6) => 604_800,
            _ => 0,
        };
        self.number.unwrap_or(1).saturating_mul(one)
    }

    fn asked(&self) -> Option<Asked> {
        let name = match self.kind.as_str() {
            "TOKENS_LIMIT" => "plan",
            "TIME_LIMIT" => "tools",
            _ => return None,
        };
        let used = self.percentage.times(10.0).min(1_000);
        Some(Asked {
            name,
            window_s: self.window_s(),
            unit: Unit::Percent,
            limit: Some(1_000),
            left: Some(1_000 - used),
            resets_ms: self.next_reset_time.filter(|ms| *ms > 0),
        })
    }
}

pub(super) fn read(body: &[u8]) -> Result<Account, Unread> {
    let answer: Answer = parsed(body)?;
    if matches!(answer.code, Some(401 | 403 | 1000..=1004)) {
        return Err(Unread::Refused);
    }
    let data = answer.data.ok_or(Unread::NotUnderstood)?;
    let asked: Vec<_> = data.limits.iter().take(16).filter_map(Limit::asked).collect();
    Ok(Account { plan: data.level.as_deref().and_then(word), asked })
}
