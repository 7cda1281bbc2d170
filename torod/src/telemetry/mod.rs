//! Seeing: the log.

pub mod log;
