//! Seeing: the log.

pub mod log;
pub mod panics;
pub mod plain;
