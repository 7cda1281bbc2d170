//! libFuzzer's way into `tokenrouter_fuzz::splice`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tokenrouter_fuzz::splice::run(data));
