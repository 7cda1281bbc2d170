//! libFuzzer's way into `tokenrouter_fuzz::answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tokenrouter_fuzz::answer::run(data));
