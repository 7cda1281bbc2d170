//! The admin API.
use std::sync::Arc;
/// Handles.
pub struct Admin { /// w
 pub writer: crate::store::WriterHandle, /// r
 pub readers: Arc<crate::store::Readers>, /// t
 pub tokens: Arc<crate::access::TokenIndex>, /// c
 pub clock: crate::clock::Clock, /// r
 pub random: crate::access::Random }
/// Router.
pub fn router(_a: Arc<Admin>) -> axum::Router { axum::Router::new() }
