//! What a start begins with: it brings to an end what broke off when the daemon before this one ended, and has dice.

use std::path::Path;

use crate::access::{Operator, Random, secrets};
use crate::config::edit;
use crate::store::{Connection, Keyring, SignIns, begun};
use crate::tls::Dice;

/// Has the audit trail tell of changes of the file of which nobody saw the end.
pub(super) fn settle_broken_off(connection: &mut Connection, file: &Path) {
    // What cannot be read is another version than any that was.
    let version = edit::version(file).unwrap_or_default();
    match begun::settle(connection, None, &version) {
        Ok(0) => {}
        Ok(told) => tracing::warn!(
            "{told} changes of torod.toml were broken off when the gateway ended: `torod audit` tells which"
        ),
        // They are told at the next start.
        Err(error) => tracing::error!(%error, "the audit trail takes no entries"),
    }
}

/// Brings a change of keys to its end that broke off. What cannot be done now is done the next time: everything can be
/// read meanwhile.
pub(super) fn finish_rotation(connection: &mut Connection, keys: &Keyring, sign_ins: &SignIns, now_ms: i64) {
    let done = match keys.is_halfway() {
        Ok(false) => return,
        Ok(true) => secrets::rotate(connection, keys, sign_ins, &Operator::LocalOwner, now_ms).map(|_| ()),
        Err(e) => Err(e.into()),
    };
    match done {
        Ok(()) => tracing::info!("a change of the secrets' key that had broken off was brought to its end"),
        Err(e) => tracing::error!("{e}"),
    }
}

/// Dice of random bytes.
pub(super) fn dice(random: Random) -> Dice {
    Box::new(move || {
        let mut bytes = [0; 8];
        // Without random bytes everything comes at its usual time.
        random(&mut bytes).map_or(0, |()| u64::from_ne_bytes(bytes))
    })
}
