//! Whole texts to and from the host, over imports that move eight bytes at a time.

use crate::{Error, imports};

/// The request.
#[allow(clippy::redundant_closure)] // imports of a module are no Fn
pub(crate) fn input() -> Vec<u8> {
    copy(imports::input_length() as usize, |at| imports::input_load_u64(at), |at| imports::input_load_u8(at))
}

/// Copies n bytes. The rest that makes no eight is taken by eight that overlap what is there already: one call, not seven.
fn copy(n: usize, eight: impl Fn(u64) -> u64, one: impl Fn(u64) -> u8) -> Vec<u8> {
    let mut out = vec![0; n];
    if n < 8 {
        out.iter_mut().enumerate().for_each(|(i, b)| *b = one(i as u64));
        return out;
    }
    for (i, chunk) in out.chunks_exact_mut(8).enumerate() {
        chunk.copy_from_slice(&eight(i as u64 * 8).to_le_bytes());
    }
    out[n - 8..].copy_from_slice(&eight(n as u64 - 8).to_le_bytes());
    out
}

/// Stores a text in the host's memory; 0 is the empty text.
fn store(text: &str) -> Result<u64, Error> {
    let bytes = text.as_bytes();
    if bytes.is_empty() {
        return Ok(0);
    }
    let handle = imports::alloc(bytes.len() as u64);
    if handle == 0 {
        return Err(Error::new("the host has no memory left for the plugin"));
    }
    let eight = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
    if bytes.len() < 8 {
        bytes.iter().enumerate().for_each(|(i, b)| imports::store_u8(handle + i as u64, *b));
        return Ok(handle);
    }
    (0..bytes.len() - 7).step_by(8).for_each(|at| imports::store_u64(handle + at as u64, eight(at)));
    let last = bytes.len() - 8;
    imports::store_u64(handle + last as u64, eight(last));
    Ok(handle)
}

/// Gives the answer.
pub(crate) fn output(text: &str) -> Result<(), Error> {
    imports::output_set(store(text)?, text.len() as u64);
    Ok(())
}

/// Says why there is no answer.
pub(crate) fn error(text: &str) {
    if let Ok(handle) = store(text) {
        imports::error_set(handle);
    }
}

/// A text of the plugin's configuration; none if the operator gave none.
pub(crate) fn config(name: &str) -> Result<Option<String>, Error> {
    let handle = imports::config_get(store(name)?);
    if handle == 0 {
        return Ok(None);
    }
    let n = imports::length(handle) as usize;
    let bytes = copy(n, |at| imports::load_u64(handle + at), |at| imports::load_u8(handle + at));
    String::from_utf8(bytes).map(Some).map_err(|_| Error::new("the configuration is not UTF-8"))
}

/// How much a line of the log matters.
pub(crate) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// Hands a line to the host's log. A line for which the host has no memory is lost.
pub(crate) fn log(level: Level, text: &str) {
    let Ok(handle) = store(text) else { return };
    match level {
        Level::Debug => imports::log_debug(handle),
        Level::Info => imports::log_info(handle),
        Level::Warn => imports::log_warn(handle),
        Level::Error => imports::log_error(handle),
    }
}
