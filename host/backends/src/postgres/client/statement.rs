//! What is sent: statements with their arguments.

use std::borrow::Cow;

/// A statement with its arguments, as it is sent.
pub(crate) struct Statement<'a> {
    pub(crate) text: &'a str,
    pub(crate) arguments: Vec<Argument<'a>>,
}

/// A value of a parameter, in the type that the statement gives it.
#[derive(Debug, Clone)]
pub(crate) enum Argument<'a> {
    Null,
    /// In its text form.
    Text(Cow<'a, str>),
    /// Of the type `bytea`.
    Bytes(&'a [u8]),
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

impl From<i64> for Argument<'_> {
    fn from(number: i64) -> Self {
        Self::Text(number.to_string().into())
    }
}

impl From<u64> for Argument<'_> {
    fn from(number: u64) -> Self {
        Self::Text(number.to_string().into())
    }
}

impl<'a> From<&'a [u8]> for Argument<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a, T: Into<Argument<'a>>> From<Option<T>> for Argument<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<'a> Statement<'a> {
    /// A statement with its arguments.
    pub(crate) fn new(text: &'a str, arguments: impl Into<Vec<Argument<'a>>>) -> Self {
        Self { text, arguments: arguments.into() }
    }

    /// A statement without any.
    pub(crate) fn plain(text: &'a str) -> Self {
        Self { text, arguments: Vec::new() }
    }
}
