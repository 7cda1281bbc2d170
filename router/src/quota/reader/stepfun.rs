//! StepFun: what may be spent, of an account that is paid before or after.

use serde::Deserialize;

use super::{Account, Amount, Unread, balance, parsed, word};
use crate::quota::Unit;

#[derive(Deserialize)]
struct Answer {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    balance: Amount,
}

pub(super) fn read(body: &[u8], unit: Unit) -> Result<Account, Unread> {
    let answer: Answer = parsed(body)?;
    let plan = answer.kind.as_deref().and_then(word);
    Ok(Account { plan, asked: vec![balance("balance", unit, answer.balance, None)] })
}
