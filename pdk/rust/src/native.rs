//! A host for tests that run natively: the imports over an arena of this thread.

use std::cell::RefCell;
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct Host {
    pub(crate) input: Vec<u8>,
    pub(crate) output: Vec<u8>,
    pub(crate) error: Option<String>,
    pub(crate) config: BTreeMap<String, String>,
    pub(crate) logs: Vec<(&'static str, String)>,
    pub(crate) memory: Vec<u8>,
    pub(crate) blocks: BTreeMap<u64, u64>,
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
}

/// Looks at this thread's host, or changes it.
pub(crate) fn with<T>(f: impl FnOnce(&mut Host) -> T) -> T {
    HOST.with(|h| f(&mut h.borrow_mut()))
}

/// Nothing lies below it, so that 0 is no handle.
const BASE: u64 = 64;

impl Host {
    fn at(&mut self, address: u64, n: usize) -> &mut [u8] {
        let from = address.checked_sub(BASE).expect("an address below the host's memory") as usize;
        &mut self.memory[from..from + n]
    }

    fn bytes(&mut self, handle: u64, n: u64) -> Vec<u8> {
        if n == 0 { Vec::new() } else { self.at(handle, n as usize).to_vec() }
    }

    fn text(&mut self, handle: u64) -> String {
        let n = self.blocks.get(&handle).copied().unwrap_or_default();
        String::from_utf8(self.bytes(handle, n)).expect("the guest hands out UTF-8")
    }

    fn alloc(&mut self, n: u64) -> u64 {
        if n == 0 {
            return 0;
        }
        let handle = BASE + self.memory.len() as u64;
        self.memory.resize(self.memory.len() + n as usize, 0);
        self.blocks.insert(handle, n);
        handle
    }

    fn log(&mut self, level: &'static str, text: u64) {
        let text = self.text(text);
        self.logs.push((level, text));
    }
}

pub(crate) fn input_length() -> u64 {
    with(|h| h.input.len() as u64)
}

pub(crate) fn input_load_u8(offset: u64) -> u8 {
    with(|h| h.input[offset as usize])
}

pub(crate) fn input_load_u64(offset: u64) -> u64 {
    with(|h| le(&h.input[offset as usize..offset as usize + 8]))
}

fn le(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b))
}

pub(crate) fn alloc(length: u64) -> u64 {
    with(|h| h.alloc(length))
}

pub(crate) fn length(handle: u64) -> u64 {
    with(|h| h.blocks.get(&handle).copied().unwrap_or_default())
}

pub(crate) fn load_u8(address: u64) -> u8 {
    with(|h| h.at(address, 1)[0])
}

pub(crate) fn load_u64(address: u64) -> u64 {
    with(|h| le(h.at(address, 8)))
}

pub(crate) fn store_u8(address: u64, byte: u8) {
    with(|h| h.at(address, 1)[0] = byte);
}

pub(crate) fn store_u64(address: u64, bytes: u64) {
    with(|h| h.at(address, 8).copy_from_slice(&bytes.to_le_bytes()));
}

pub(crate) fn output_set(handle: u64, length: u64) {
    with(|h| h.output = h.bytes(handle, length));
}

pub(crate) fn error_set(handle: u64) {
    with(|h| h.error = Some(h.text(handle)));
}

pub(crate) fn config_get(name: u64) -> u64 {
    with(|h| {
        let name = h.text(name);
        let Some(value) = h.config.get(&name).cloned() else { return 0 };
        let handle = h.alloc(value.len() as u64);
        if !value.is_empty() {
            h.at(handle, value.len()).copy_from_slice(value.as_bytes());
        }
        handle
    })
}

pub(crate) fn log_debug(text: u64) {
    with(|h| h.log("debug", text));
}

pub(crate) fn log_info(text: u64) {
    with(|h| h.log("info", text));
}

pub(crate) fn log_warn(text: u64) {
    with(|h| h.log("warn", text));
}

pub(crate) fn log_error(text: u64) {
    with(|h| h.log("error", text));
}
