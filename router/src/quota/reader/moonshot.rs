//! Moonshot (Kimi): what may be spent, vouchers included.

use serde::Deserialize;

use super::{Account, Amount, Unread, balance, parsed};
use crate::quota::Unit;

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    available_balance: Amount,
}

pub(super) fn read(body: &[u8], unit: Unit) -> Result<Account, Unread> {
    let answer: Answer = parsed(body)?;
    Ok(Account { plan: None, asked: vec![balance("balance", unit, answer.data.available_balance, None)] })
}
