//! Which URL goes where, and the pages that are neither inference nor admin.

pub mod admin;
pub mod contained;
pub mod health;
pub mod listed;
mod misread;
pub mod page;
pub mod routes;
