//! A small reader of JSON, for the payload and the configuration of a step: no more than the component's size allows.
//!
//! The host writes the JSON, so that a reader which takes a little more than the standard does no harm (control
//! characters in strings, odd numbers); what it cannot read at all is an error, never a panic.

use std::borrow::Cow;

/// Nesting beyond this is refused, for the guest's stack is small.
const MAX_DEPTH: u32 = 64;

/// A JSON value, as far as a step of SQL can make use of one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean(bool),
    /// A number, whose value does not matter.
    Number,
    /// A string, borrowed where it holds no escape.
    Text(Cow<'a, str>),
    /// An array, whose elements do not matter.
    Array,
    /// An object: its members in the order of the text.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl Json<'_> {
    /// What it is, for a message: `a number`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Number => "a number",
            Self::Text(_) => "a string",
            Self::Array => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// The text is no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Reads a text that is one JSON value.
pub(crate) fn read(text: &str) -> Result<Json<'_>, Malformed> {
    let mut reader = Reader { text, position: 0 };
    let value = reader.value(0)?;
    reader.skip_blanks();
    if reader.position == text.len() { Ok(value) } else { Err(Malformed) }
}

/// A text, and how far it was read: always at the boundary of a character.
struct Reader<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: u32) -> Result<Json<'a>, Malformed> {
        if depth > MAX_DEPTH {
            return Err(Malformed);
        }
        self.skip_blanks();
        match self.peek().ok_or(Malformed)? {
            b'"' => self.string().map(Json::Text),
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b't' => self.word("true").map(|()| Json::Boolean(true)),
            b'f' => self.word("false").map(|()| Json::Boolean(false)),
            b'n' => self.word("null").map(|()| Json::Null),
            b'-' | b'0'..=b'9' => {
                self.skip_while(|byte| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9'));
                Ok(Json::Number)
            }
            _ => Err(Malformed),
        }
    }

    fn object(&mut self, depth: u32) -> Result<Json<'a>, Malformed> {
        let mut members = Vec::new();
        self.elements(b'{', b'}', |reader| {
            let name = reader.string()?;
            reader.skip_blanks();
            reader.byte(b':')?;
            members.push((name, reader.value(depth + 1)?));
            Ok(())
        })?;
        Ok(Json::Object(members))
    }

    fn array(&mut self, depth: u32) -> Result<Json<'a>, Malformed> {
        self.elements(b'[', b']', |reader| reader.value(depth + 1).map(|_| ()))?;
        Ok(Json::Array)
    }

    /// What stands between two brackets, with commas between.
    fn elements(
        &mut self,
        open: u8,
        close: u8,
        mut element: impl FnMut(&mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.byte(open)?;
        self.skip_blanks();
        if self.peek() == Some(close) {
            return self.byte(close);
        }
        loop {
            self.skip_blanks();
            element(self)?;
            self.skip_blanks();
            if self.peek() == Some(close) {
                return self.byte(close);
            }
            self.byte(b',')?;
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Malformed> {
        self.byte(b'"')?;
        let plain = self.unescaped();
        if self.peek() == Some(b'"') {
            self.position += 1;
            return Ok(Cow::Borrowed(plain));
        }
        // Nearly all that is left is this string, as SQL has line ends: one allocation holds it.
        let mut decoded = String::with_capacity(plain.len() + self.text.len().saturating_sub(self.position));
        decoded.push_str(plain);
        loop {
            match self.peek().ok_or(Malformed)? {
                b'"' => {
                    self.position += 1;
                    return Ok(Cow::Owned(decoded));
                }
                b'\\' => decoded.push(self.escape()?),
                _ => decoded.push_str(self.unescaped()),
            }
        }
    }

    /// Reads up to the next quote or backslash, or to the end.
    fn unescaped(&mut self) -> &'a str {
        let start = self.position;
        self.skip_while(|byte| !matches!(byte, b'"' | b'\\'));
        self.text.get(start..self.position).unwrap_or_default()
    }

    fn escape(&mut self) -> Result<char, Malformed> {
        self.byte(b'\\')?;
        let kind = self.peek().ok_or(Malformed)?;
        if !kind.is_ascii() {
            return Err(Malformed);
        }
        self.position += 1;
        Ok(match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code_point(),
            _ => return Err(Malformed),
        })
    }

    /// What stands after `\u`: four digits, or two times four that are one character.
    fn code_point(&mut self) -> Result<char, Malformed> {
        let high = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high).ok_or(Malformed);
        }
        self.word("\\u")?;
        let low = self.four_digits()?;
        if !(0xdc00..0xe000).contains(&low) {
            return Err(Malformed);
        }
        char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)).ok_or(Malformed)
    }

    fn four_digits(&mut self) -> Result<u32, Malformed> {
        (0..4).try_fold(0, |number, _| {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16)).ok_or(Malformed)?;
            self.position += 1;
            Ok(number * 16 + digit)
        })
    }

    fn word(&mut self, word: &str) -> Result<(), Malformed> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(Malformed);
        }
        self.position += word.len();
        Ok(())
    }

    fn byte(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.peek() != Some(byte) {
            return Err(Malformed);
        }
        self.position += 1;
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.position..).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        self.skip_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) {
        let rest = self.rest();
        self.position += rest.iter().position(|byte| !wanted(*byte)).unwrap_or(rest.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(json: &str) -> String {
        match read(json) {
            Ok(Json::Text(text)) => text.into_owned(),
            other => panic!("{json} gave {other:?}"),
        }
    }

    #[test]
    fn a_string_without_escapes_is_borrowed() {
        assert!(matches!(read(r#" "SELECT 'ä'" "#), Ok(Json::Text(Cow::Borrowed("SELECT 'ä'")))));
    }

    #[test]
    fn every_escape_is_decoded() {
        assert_eq!(text(r#""a\"b\\c\/d\b\f\n\r\t\u00e9\ud83d\ude00ü""#), "a\"b\\c/d\u{8}\u{c}\n\r\té😀ü");
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for json in [
            "",
            "\"",
            "\"\\",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\\ä\"",
            "\"\\x\"",
            "{",
            "{\"a\"}",
            "{\"a\":1,}",
            "[1 2]",
            "nul",
            "1 2",
            "\"a\" \"b\"",
            "ä",
            "{,}",
        ] {
            assert_eq!(read(json), Err(Malformed), "{json}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_before_the_stack_ends() {
        let json = "[".repeat(1_000_000);
        assert_eq!(read(&json), Err(Malformed));
    }

    #[test]
    fn an_object_keeps_its_members() {
        let json = r#" { "a" : true , "b":[1,{"c":null}], "d": {}, "e": -1.5e3 } "#;
        assert_eq!(
            read(json),
            Ok(Json::Object(vec![
                ("a".into(), Json::Boolean(true)),
                ("b".into(), Json::Array),
                ("d".into(), Json::Object(Vec::new())),
                ("e".into(), Json::Number),
            ]))
        );
    }
}
