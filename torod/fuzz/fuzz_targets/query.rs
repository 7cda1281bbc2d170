//! libFuzzer's way into `torod_fuzz::query`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| torod_fuzz::query::run(data));
