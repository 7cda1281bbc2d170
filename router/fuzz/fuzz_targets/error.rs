//! libFuzzer's way into `tokenrouter_fuzz::error`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tokenrouter_fuzz::error::run(data));
