//! libFuzzer's way into `torod_fuzz::token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| torod_fuzz::token::run(data));
