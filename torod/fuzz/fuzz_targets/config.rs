//! libFuzzer's way into `torod_fuzz::config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| torod_fuzz::config::run(data));
