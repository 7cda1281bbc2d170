//! libFuzzer's way into `tokenrouter_fuzz::auto`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tokenrouter_fuzz::auto::run(data));
