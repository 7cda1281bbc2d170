//! Who gets the request, and why.

pub mod name;
