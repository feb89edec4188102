#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plangrad_fuzz::tables::table(data));
