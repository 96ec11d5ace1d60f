//! What is sent: statements with their arguments. Each client writes them in its own way.

use std::borrow::Cow;

use sandpiper_engine::digest::Digest;

/// A statement with its arguments, as it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Statement<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) arguments: Vec<Argument<'a>>,
}

/// A value of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Argument<'a> {
    Null,
    Flag(bool),
    Integer(i64),
    Unsigned(u64),
    Double(f64),
    /// A number with a fraction to the base 10, in its text form.
    Decimal(Cow<'a, str>),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
}

impl<'a> From<&'a str> for Argument<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Argument<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<bool> for Argument<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<i64> for Argument<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u64> for Argument<'_> {
    fn from(number: u64) -> Self {
        Self::Unsigned(number)
    }
}

impl<'a> From<&'a [u8]> for Argument<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl<'a> From<&'a Digest> for Argument<'a> {
    fn from(digest: &'a Digest) -> Self {
        digest.as_bytes().as_slice().into()
    }
}

impl<'a, T: Into<Argument<'a>>> From<Option<T>> for Argument<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<'a> Statement<'a> {
    /// A statement with its arguments.
    pub(crate) fn new(text: impl Into<Cow<'a, str>>, arguments: impl Into<Vec<Argument<'a>>>) -> Self {
        Self { text: text.into(), arguments: arguments.into() }
    }

    /// A statement without any.
    pub(crate) fn plain(text: impl Into<Cow<'a, str>>) -> Self {
        Self { text: text.into(), arguments: Vec::new() }
    }
}
