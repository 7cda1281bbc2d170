//! Golden invoices: what every vendor's answers cost, through the real daemon, to the nano-dollar.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail by panicking")]
#![expect(unreachable_pub, dead_code, reason = "the modules of one test, of which one belongs to another test too")]

mod bills;
mod case;
#[path = "../gateway/support.rs"]
mod support;
mod vendor;
