//! Which URL goes where, and the pages that are neither inference nor admin.

pub mod admin;
pub mod contained;
pub mod doorway;
mod encoding;
mod gauges;
pub mod health;
pub mod listed;
pub mod metrics;
mod misread;
mod packed;
pub mod page;
pub mod routes;
mod site;
pub mod tried;
