#![doc = include_str!("../README.md")]

pub use agentmesh_pdk_macros::{compliance, policy, reward};
pub use contract::*;
pub use de::settings;
pub use error::Error;
pub use fields::{Message, Reading};
pub use finding::{Answer, Findings};
pub use guest::{Scored, Settings};
pub use value::{Member, Number, Value};

pub mod json;
pub mod path;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

mod contract;
mod de;
mod error;
mod fields;
mod finding;
#[doc(hidden)]
pub mod guest;
mod imports;
#[doc(hidden)]
pub mod log;
mod memory;
#[cfg(not(target_arch = "wasm32"))]
mod native;
mod value;

/// The contract's number in a message that carries it; there is only one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abi;

impl std::fmt::Display for Abi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        VERSION.fmt(f)
    }
}

impl Score {
    /// A change of the trust score, and why.
    pub fn new<S: Into<String>>(delta: i64, reasons: impl IntoIterator<Item = S>) -> Self {
        Score { delta, reasons: reasons.into_iter().map(S::into).collect() }
    }
}
