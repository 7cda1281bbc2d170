//! Venice: dollars, and the DIEM of the day, which are set back at midnight UTC.

use serde::Deserialize;

use super::{Account, Amount, Asked, Unread, balance, parsed, word};
use crate::quota::Unit;

const DAY_MS: i64 = 86_400_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    consumption_currency: Option<String>,
    balances: Balances,
    #[serde(default)]
    diem_epoch_allocation: Option<Amount>,
}

#[derive(Deserialize)]
struct Balances {
    #[serde(default)]
    diem: Option<Amount>,
    #[serde(default)]
    usd: Option<Amount>,
}

pub(super) fn read(body: &[u8], now_unix_ms: i64) -> Result<Account, Unread> {
    let answer: Answer = parsed(body)?;
    let mut asked = Vec::new();
    let allocation = answer.diem_epoch_allocation.filter(|allocation| allocation.0 > 0.0);
    if let (Some(allocation), Some(diem)) = (allocation, answer.balances.diem) {
        let midnight = now_unix_ms.div_euclid(DAY_MS).saturating_add(1).saturating_mul(DAY_MS);
        let left = balance("diem", Unit::Credits, diem, Some(allocation));
        asked.push(Asked { window_s: 86_400, resets_ms: Some(midnight), ..left });
    }
    asked.extend(answer.balances.usd.map(|usd| balance("balance", Unit::Usd, usd, None)));
    if asked.is_empty() {
        return Err(Unread::NotUnderstood);
    }
    Ok(Account { plan: answer.consumption_currency.as_deref().and_then(word), asked })
}
