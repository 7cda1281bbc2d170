//! libFuzzer's way into `tokenrouter_fuzz::sse`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tokenrouter_fuzz::sse::run(data));
