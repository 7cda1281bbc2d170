//! libFuzzer's way into `tokenrouter_fuzz::peek`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tokenrouter_fuzz::peek::run(data));
