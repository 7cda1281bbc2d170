//! Vercel's AI Gateway: the credit that is left, in dollars.

use serde::Deserialize;

use super::{Account, Amount, Unread, balance, parsed};
use crate::quota::Unit;

#[derive(Deserialize)]
struct Answer {
    balance: Amount,
}

pub(super) fn read(body: &[u8]) -> Result<Account, Unread> {
    let answer: Answer = parsed(body)?;
    Ok(Account { plan: None, asked: vec![balance("balance", Unit::Usd, answer.balance, None)] })
}
