//! libFuzzer's way into `tokenrouter_fuzz::stream`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tokenrouter_fuzz::stream::run(data));
