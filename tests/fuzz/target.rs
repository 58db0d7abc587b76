//! Every target: feeds the bytes to the function of the binary's name.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| simulate::fuzz::feed(env!("CARGO_BIN_NAME"), data));
