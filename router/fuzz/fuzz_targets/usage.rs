//! libFuzzer's way into `tokenrouter_fuzz::usage`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tokenrouter_fuzz::usage::run(data));
