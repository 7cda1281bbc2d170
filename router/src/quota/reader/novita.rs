//! Novita: what may be spent, in ten-thousandths of a dollar.

use serde::Deserialize;

use super::{Account, Amount, Unread, balance, parsed};
use crate::quota::Unit;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    available_balance: Amount,
}

pub(super) fn read(body: &[u8]) -> Result<Account, Unread> {
    let answer: Answer = parsed(body)?;
    let dollars = Amount(answer.available_balance.0 / 10_000.0);
    Ok(Account { plan: None, asked: vec![balance("balance", Unit::Usd, dollars, None)] })
}
