//! libFuzzer's way into `torod_fuzz::headers`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| torod_fuzz::headers::run(data));
