//! File descriptors: every stream needs two, and many systems begin with 1,024.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Below this, a busy gateway will run out of them.
const ENOUGH: u64 = 4096;

/// Raises the limit as far as the system lets us, and says when that is not far.
pub fn raise_limit() {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    let reached = if soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() { hard } else { soft };
    if reached < ENOUGH {
        tracing::warn!(
            "only {reached} file descriptors are allowed, enough for about {} streams; raise `ulimit -n`",
            reached / 2
        );
    }
}
