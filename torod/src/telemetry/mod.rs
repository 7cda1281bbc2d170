//! Seeing: the log.

pub mod log;
pub mod plain;
