//! SiliconFlow: the sum of what was paid and what was given.

use serde::Deserialize;

use super::{Account, Amount, Unread, balance, parsed};
use crate::quota::Unit;

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    total_balance: Amount,
}

pub(super) fn read(body: &[u8], unit: Unit) -> Result<Account, Unread> {
    let answer: Answer = parsed(body)?;
    Ok(Account { plan: None, asked: vec![balance("balance", unit, answer.data.total_balance, None)] })
}
