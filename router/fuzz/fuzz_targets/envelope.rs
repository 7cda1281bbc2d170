//! libFuzzer's way into `tokenrouter_fuzz::envelope`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tokenrouter_fuzz::envelope::run(data));
