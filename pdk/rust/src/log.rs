//! Lines for the host's log: `info!("{n} statements")`. No secrets.

use crate::memory::{self, Level};

#[doc(hidden)]
pub fn debug(text: &str) {
    memory::log(Level::Debug, text);
}

#[doc(hidden)]
pub fn info(text: &str) {
    memory::log(Level::Info, text);
}

#[doc(hidden)]
pub fn warn(text: &str) {
    memory::log(Level::Warn, text);
}

#[doc(hidden)]
pub fn error(text: &str) {
    memory::log(Level::Error, text);
}

/// Logs a line for the plugin's author.
#[macro_export]
macro_rules! debug { ($($arg:tt)*) => { $crate::log::debug(&::std::format!($($arg)*)) } }

/// Logs a line for the operator.
#[macro_export]
macro_rules! info { ($($arg:tt)*) => { $crate::log::info(&::std::format!($($arg)*)) } }

/// Logs what the operator should look at.
#[macro_export]
macro_rules! warn { ($($arg:tt)*) => { $crate::log::warn(&::std::format!($($arg)*)) } }

/// Logs what went wrong.
#[macro_export]
macro_rules! error { ($($arg:tt)*) => { $crate::log::error(&::std::format!($($arg)*)) } }
