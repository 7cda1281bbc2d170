//! DeepSeek: one balance for each currency.

use serde::Deserialize;

use super::{Account, Amount, Unread, balance, parsed};
use crate::quota::Unit;

#[derive(Deserialize)]
struct Answer<'a> {
    is_available: bool,
    #[serde(borrow)]
    balance_infos: Vec<Balance<'a>>,
}

#[derive(Deserialize)]
struct Balance<'a> {
    currency: &'a str,
    total_balance: Amount,
}

pub(super) fn read(body: &[u8]) -> Result<Account, Unread> {
    let answer: Answer<'_> = parsed(body)?;
    let unit = |currency: &str| match currency {
        "USD" => Some(Unit::Usd),
        "CNY" => Some(Unit::Cny),
        _ => None,
    };
    // Who is not available has nothing that could be spent, whatever the sum is.
    let left = |amount: Amount| if answer.is_available { amount } else { Amount(0.0) };
    let each = answer.balance_infos.iter().take(4);
    let mut asked: Vec<_> =
        each.filter_map(|one| Some(balance("balance", unit(one.currency)?, left(one.total_balance), None))).collect();
    // An account in one currency has nothing in the other, and misses nothing.
    if asked.iter().any(|one| one.left > Some(0)) {
        asked.retain(|one| one.left > Some(0));
    }
    if asked.is_empty() { Err(Unread::NotUnderstood) } else { Ok(Account { plan: None, asked }) }
}
