//! libFuzzer's way into `tokenrouter_fuzz::refusal`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tokenrouter_fuzz::refusal::run(data));
