//! Values on their way into a statement: as literals in the host's own, as parameters in those of changes.

use std::borrow::Cow;

use bytes::{BufMut as _, BytesMut};

use super::cells::kind;
use super::errors::Failure;
use super::wire::put_counted;
use crate::servers::statement::{Argument, Statement};

impl Statement<'_> {
    /// The text of a statement of the host's, which has a `?` for each argument and nowhere else, with its arguments as
    /// literals in it.
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
            Self::Flag(flag) => out.push(if *flag { '1' } else { '0' }),
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
            Self::Flag(_) | Self::Integer(_) => [kind::LONG_LONG, 0],
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
            Self::Flag(flag) => out.put_i64_le((*flag).into()),
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
            7_u64.into(),
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
        assert!(Statement::new("SELECT ?", [1_u64.into(), 2_u64.into()]).filled().is_err());
        assert!(Statement::new("SELECT ?, ?", [1_u64.into()]).filled().is_err());
        // A question mark in an argument is not a place.
        assert_eq!(
            Statement::new("SELECT ?, ?", ["?".into(), 1_u64.into()]).filled().unwrap(),
            "SELECT _utf8mb4 '?', 1"
        );
    }
}
