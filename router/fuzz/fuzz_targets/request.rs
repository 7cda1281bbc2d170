//! libFuzzer's way into `tokenrouter_fuzz::request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tokenrouter_fuzz::request::run(data));
