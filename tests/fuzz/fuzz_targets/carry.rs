#![no_main]
#[path = "../../src/corpus.rs"]
mod corpus;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| corpus::fuzz("carry", bytes));
