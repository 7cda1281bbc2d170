//! Routing from outside: a daemon over scripted providers that fail in every way there is. No test waits for time to pass:
//! the daemon's clock is moved.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail by panicking")]
#![expect(unreachable_pub, reason = "the modules of one test")]
#![expect(clippy::disallowed_methods, reason = "what happens outside of the daemon is timed by the real clock")]

mod act;
mod affinity;
mod auto;
mod auto_life;
mod bad_input;
mod balance;
mod breaker;
mod chaos;
mod choice;
mod credential;
mod discovery;
mod failover;
mod life;
mod lister;
mod local;
mod names;
mod rig;
mod site;
mod upstream;
mod wire;

#[path = "../token_server/mod.rs"]
#[expect(dead_code, reason = "other tests use all of it")]
mod token_server;

// The same daemon as in the tests of the gateway.
#[path = "../gateway/support.rs"]
#[expect(dead_code, reason = "the tests of the gateway use all of it")]
mod support;
