//! libFuzzer's way into `tokenrouter_fuzz::models`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tokenrouter_fuzz::models::run(data));
