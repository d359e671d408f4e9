//! What can be wrong with a message.

use std::fmt;

/// Why a message, settings or a plugin's own result is none. It names members and places and never holds a value, which
/// may be secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(Box<Wrong>);

// In a box, so that what may fail gives little back.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wrong {
    message: String,
    member: Option<String>,
}

impl Error {
    /// An error with a message: lower case, no full stop.
    pub fn new(message: impl Into<String>) -> Self {
        Error(Box::new(Wrong { message: message.into(), member: None }))
    }

    /// The member an error belongs to is the innermost one.
    pub(crate) fn within(mut self, member: &str) -> Self {
        self.0.member.get_or_insert_with(|| member.to_owned());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.member {
            Some(member) => write!(f, "{member:?}: {}", self.0.message),
            None => f.write_str(&self.0.message),
        }
    }
}

impl std::error::Error for Error {}

impl serde::ser::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Error::new(message.to_string())
    }
}

// Serde's own messages quote the value that does not fit. These do not.
impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Error::new(message.to_string())
    }

    fn invalid_type(unexpected: serde::de::Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        use serde::de::Unexpected as U;
        let kind = match unexpected {
            U::Bool(_) => "boolean",
            U::Unsigned(_) | U::Signed(_) => "integer",
            U::Float(_) => "number",
            U::Char(_) | U::Str(_) => "string",
            U::Unit | U::Option => "null",
            U::Seq => "list",
            _ => "object",
        };
        Error::new(format!("must be {expected}, not {kind}"))
    }

    fn invalid_value(_: serde::de::Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        Error::new(format!("must be {expected}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Error::new(format!("must be one of {}", expected.join(", ")))
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Error::new("must be left out: there is no such member").within(field)
    }

    fn missing_field(field: &'static str) -> Self {
        Error::new("must be there").within(field)
    }
}
