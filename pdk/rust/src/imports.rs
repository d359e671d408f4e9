//! What the host gives a guest, `extism:host/env`, declared by hand; nothing else is imported. This is the one file with
//! unsafe code: the word that the imports are as declared. Handles and lengths are numbers in memory that belongs to the
//! host, so a wrong one can at worst trap.
#![allow(unsafe_code)]

#[cfg(target_arch = "wasm32")]
#[link(wasm_import_module = "extism:host/env")]
unsafe extern "C" {
    pub(crate) safe fn input_length() -> u64;
    pub(crate) safe fn input_load_u8(offset: u64) -> u8;
    pub(crate) safe fn input_load_u64(offset: u64) -> u64;
    pub(crate) safe fn alloc(length: u64) -> u64;
    pub(crate) safe fn length(handle: u64) -> u64;
    pub(crate) safe fn load_u8(address: u64) -> u8;
    pub(crate) safe fn load_u64(address: u64) -> u64;
    pub(crate) safe fn store_u8(address: u64, byte: u8);
    pub(crate) safe fn store_u64(address: u64, bytes: u64);
    pub(crate) safe fn output_set(handle: u64, length: u64);
    pub(crate) safe fn error_set(handle: u64);
    pub(crate) safe fn config_get(name: u64) -> u64;
    pub(crate) safe fn log_debug(text: u64);
    pub(crate) safe fn log_info(text: u64);
    pub(crate) safe fn log_warn(text: u64);
    pub(crate) safe fn log_error(text: u64);
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::native::*;
