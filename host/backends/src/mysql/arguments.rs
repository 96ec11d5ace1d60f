//! Values on their way into a statement: as literals in the host's own, as parameters in those of changes.

use std::borrow::Cow;

use bytes::{BufMut as _, BytesMut};

use super::cells::kind;
use super::errors::Failure;
use super::wire::put_counted;

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

impl<'a, T: Into<Argument<'a>>> From<Option<T>> for Argument<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<'a> Statement<'a> {
    /// A statement of the host's, with a `?` for each argument and nowhere else.
    pub(crate) fn new(text: impl Into<Cow<'a, str>>, arguments: impl Into<Vec<Argument<'a>>>) -> Self {
        Self { text: text.into(), arguments: arguments.into() }
    }

    /// A statement without arguments.
    pub(crate) fn plain(text: impl Into<Cow<'a, str>>) -> Self {
        Self { text: text.into(), arguments: Vec::new() }
    }

    /// Its text, with its arguments as literals in it.
    ///
    /// # Errors
    ///
    /// When there are more or fewer of them than places.
    pub(crate) fn filled(&self) -> Result<Cow<'_, str>, Failure> {
        if self.arguments.is_empty() {
            return Ok(Cow::Borrowed(&self.text));
        }
        let mut filled = String::with_capacity(self.text.len() + self.arguments.len() * 24);
        let mut arguments = self.arguments.iter();
        let mut parts = self.text.split('?');
        filled.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let argument = arguments.next().ok_or_else(uneven)?;
            argument.literal(&mut filled);
            filled.push_str(part);
        }
        match arguments.next() {
            None => Ok(Cow::Owned(filled)),
            Some(_) => Err(uneven()),
        }
    }
}

fn uneven() -> Failure {
    Failure::Refused("the places of a statement are not as many as its arguments".to_owned())
}

impl Argument<'_> {
    /// Writes it so that it means the same whatever the session's settings are.
    fn literal(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("NULL"),
            Self::Integer(number) => out.push_str(&number.to_string()),
            Self::Unsigned(number) => out.push_str(&number.to_string()),
            Self::Double(number) => out.push_str(&format!("{number:e}")),
            Self::Decimal(text) | Self::Text(text) => {
                out.push_str("_utf8mb4 ");
                match is_harmless(text) {
                    true => out.extend(["'", text, "'"]),
                    false => hexadecimal(text.as_bytes(), out),
                }
            }
            Self::Bytes(bytes) => hexadecimal(bytes, out),
        }
    }

    /// The type of it as a parameter, and its flags.
    pub(crate) fn kind(&self) -> [u8; 2] {
        match self {
            Self::Null => [kind::NULL, 0],
            Self::Integer(_) => [kind::LONG_LONG, 0],
            Self::Unsigned(_) => [kind::LONG_LONG, 0x80],
            Self::Double(_) => [kind::DOUBLE, 0],
            Self::Decimal(_) => [kind::NEW_DECIMAL, 0],
            Self::Text(_) => [kind::VAR_STRING, 0],
            Self::Bytes(_) => [kind::BLOB, 0],
        }
    }

    /// Writes it as a parameter.
    pub(crate) fn parameter(&self, out: &mut BytesMut) {
        match self {
            Self::Null => {}
            Self::Integer(number) => out.put_i64_le(*number),
            Self::Unsigned(number) => out.put_u64_le(*number),
            Self::Double(number) => out.put_f64_le(*number),
            Self::Decimal(text) | Self::Text(text) => put_counted(out, text.as_bytes()),
            Self::Bytes(bytes) => put_counted(out, bytes),
        }
    }
}

/// Whether a text stands for itself between quotes, in every mode and every set of characters.
fn is_harmless(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'\'' && byte != b'\\')
}

fn hexadecimal(bytes: &[u8], out: &mut String) {
    out.push_str("x'");
    out.push_str(&hex::encode(bytes));
    out.push('\'');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_become_literals_that_nothing_breaks_out_of() {
        let arguments = [
            Argument::Null,
            7.into(),
            "a \"b\"; --".into(),
            "it's".into(),
            "\\".into(),
            "ä".into(),
            b"\0\xFF".as_slice().into(),
        ];
        let statement = Statement::new("VALUES (?,?,?,?,?,?,?)", arguments);
        assert_eq!(
            statement.filled().unwrap(),
            "VALUES (NULL,7,_utf8mb4 'a \"b\"; --',_utf8mb4 x'69742773',_utf8mb4 x'5c',_utf8mb4 x'c3a4',x'00ff')"
        );
    }

    #[test]
    fn as_many_arguments_as_places() {
        assert!(Statement::new("SELECT ?", [1.into(), 2.into()]).filled().is_err());
        assert!(Statement::new("SELECT ?, ?", [1.into()]).filled().is_err());
        // A question mark in an argument is not a place.
        assert_eq!(
            Statement::new("SELECT ?, ?", ["?".into(), 1.into()]).filled().unwrap(),
            "SELECT _utf8mb4 '?', 1"
        );
    }
}
