//! What an attacker would try: where torod connects to, what it follows, what it lets out, what it lets in.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail by panicking")]
#![expect(clippy::disallowed_methods, reason = "what happens outside of the daemon is timed by the real clock")]
#![expect(unreachable_pub, reason = "the modules of one test")]

mod canary;
mod circles;
mod egress;
mod hardening;
mod headers;
mod hunt;
mod loris;
mod misread;
mod redirects;
mod secrets;
mod stranger;

// The same daemon, as a part of this process and as one of its own, as in the tests of the gateway.
#[path = "../gateway/site.rs"]
#[expect(dead_code, reason = "the tests of the gateway use all of it")]
mod site;
#[path = "../gateway/support.rs"]
#[expect(dead_code, reason = "the tests of the gateway use all of it")]
mod support;

#[path = "../token_server/mod.rs"]
#[expect(dead_code, reason = "other tests use all of it")]
mod token_server;
