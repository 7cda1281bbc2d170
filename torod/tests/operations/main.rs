//! What operators do besides serving: asking how it is, backing up, restoring, looking for what is wrong, configuring without a file.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail by panicking")]

mod backup;
mod doctor;
mod environment;
mod health;
mod imports;
mod site;
