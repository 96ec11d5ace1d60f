//! Reads the header of a `.sql` change file: `-- sandpiper: key=value key="two words"`.

/// The header line of a change file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// What follows `sandpiper:` on the line, without blanks around it.
    pub content: &'a str,
    /// Where `content` begins: bytes from the start of the file.
    pub offset: usize,
}

/// One `key=value` of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderField<'a> {
    /// The key as written.
    pub key: &'a str,
    /// The value without its quotes.
    pub value: String,
    /// Where the key begins: bytes from the start of the header's content.
    pub key_offset: usize,
    /// Where the value (or its opening quote) begins: bytes from the start of the header's content.
    pub value_offset: usize,
}

/// Why a header cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderError {
    /// Where the fault begins: bytes from the start of the header's content.
    pub offset: usize,
    /// What is wrong and what to do, a lower-case fragment.
    pub message: String,
}

impl std::fmt::Display for HeaderError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for HeaderError {}

/// The first comment line (`--` or `#`) that begins with `sandpiper:`, among the comments and blanks before the first
/// statement. It needs no dialect, for the header says which it is, and reads no further than the first statement.
#[must_use]
pub fn find_header(text: &str) -> Option<Header<'_>> {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n', '\x0b', '\x0c', '\u{feff}']);
        if let Some(comment) = rest.strip_prefix("--").or_else(|| rest.strip_prefix('#')) {
            let line = comment.split('\n').next().unwrap_or_default();
            if let Some(content) = line.trim_start().strip_prefix("sandpiper:") {
                let content = content.trim_start();
                // `content` is a slice of `text`: what follows it tells where it begins.
                let behind = comment.len() - line.len();
                let offset = text.len() - behind - content.len();
                return Some(Header { content: content.trim_end(), offset });
            }
            rest = comment.get(line.len()..)?;
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/")?.1;
        } else {
            return None;
        }
    }
}

/// The fields of a header's content, in order; a key stands once. In quotes `\"` is a quote and `\\` a backslash.
///
/// # Errors
///
/// Anything that is not `key=value`, a quote without an end, a key that stands twice.
pub fn parse_header(content: &str) -> Result<Vec<HeaderField<'_>>, HeaderError> {
    let mut fields: Vec<HeaderField<'_>> = Vec::new();
    let mut at = 0;
    loop {
        let rest = content.get(at..).unwrap_or_default();
        at += rest.len() - rest.trim_start().len();
        if at >= content.len() {
            return Ok(fields);
        }
        let (field, end) = parse_field(content, at)?;
        if fields.iter().any(|other| other.key == field.key) {
            return Err(error(at, format!("`{}` stands twice in the header; keep one", field.key)));
        }
        fields.push(field);
        at = end;
    }
}

/// The field that begins at `at`, and where it ends.
fn parse_field(content: &str, at: usize) -> Result<(HeaderField<'_>, usize), HeaderError> {
    let rest = content.get(at..).unwrap_or_default();
    let word = rest.split(char::is_whitespace).next().unwrap_or_default();
    let Some((key, _)) = word.split_once('=') else {
        let hint = "values with blanks stand in double quotes, and no blanks stand around `=`";
        return Err(error(at, format!("`{word}` is not `key=value`; {hint}")));
    };
    let is_key = |character: char| character.is_alphanumeric() || matches!(character, '-' | '_' | '.');
    if key.is_empty() || !key.chars().all(is_key) {
        return Err(error(at, format!("`{key}` is not a key; write `key=value`")));
    }
    let value_offset = at + key.len() + 1;
    let written = content.get(value_offset..).unwrap_or_default();
    let (value, length) = if written.starts_with('"') {
        quoted(written).map_err(|(offset, message)| error(value_offset + offset, message))?
    } else {
        let value = written.split(char::is_whitespace).next().unwrap_or_default();
        (value.to_owned(), value.len())
    };
    if length == 0 {
        return Err(error(
            value_offset,
            format!("`{key}` has no value; write `{key}=\"\"` for an empty one"),
        ));
    }
    Ok((HeaderField { key, value, key_offset: at, value_offset }, value_offset + length))
}

/// The value of what begins with a double quote, and the length with both quotes.
fn quoted(written: &str) -> Result<(String, usize), (usize, String)> {
    let mut value = String::new();
    let mut characters = written.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        match (character, characters.peek().map(|(_, next)| *next)) {
            ('\\', Some(next @ ('"' | '\\'))) => {
                characters.next();
                value.push(next);
            }
            ('"', next) if next.is_none_or(char::is_whitespace) => return Ok((value, at + 1)),
            ('"', _) => return Err((at + 1, "a blank must follow the closing quote".to_owned())),
            _ => value.push(character),
        }
    }
    Err((0, "the quote that begins here has no end; close it with `\"`".to_owned()))
}

fn error(offset: usize, message: String) -> HeaderError {
    HeaderError { offset, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(text: &str) -> Option<&str> {
        let header = find_header(text)?;
        assert_eq!(&text[header.offset..header.offset + header.content.len()], header.content);
        Some(header.content)
    }

    fn values(content: &str) -> Vec<(&str, String)> {
        parse_header(content).unwrap().into_iter().map(|field| (field.key, field.value)).collect()
    }

    #[test]
    fn the_header_is_the_first_comment_line_that_begins_with_sandpiper() {
        assert_eq!(content("-- sandpiper: id=a author=b\nSELECT 1;"), Some("id=a author=b"));
        assert_eq!(content("--sandpiper:id=a"), Some("id=a"));
        assert_eq!(content("# sandpiper: id=a"), Some("id=a"));
        assert_eq!(
            content("-- about sandpiper: no\n\n  --  sandpiper:  id=b  \r\n-- sandpiper: id=c"),
            Some("id=b")
        );
        assert_eq!(content("-- sandpiper:\n"), Some(""));
    }

    #[test]
    fn a_byte_order_mark_and_block_comments_may_stand_before_the_header() {
        assert_eq!(
            content("\u{feff}/* licence\n-- sandpiper: id=no */\r\n-- sandpiper: id=é\r\n"),
            Some("id=é")
        );
    }

    #[test]
    fn nothing_after_the_first_statement_is_a_header() {
        assert_eq!(content("SELECT 1;\n-- sandpiper: id=a"), None);
        assert_eq!(content("/* sandpiper: id=a */"), None);
        assert_eq!(content("/* no end -- sandpiper: id=a"), None);
        assert_eq!(content(""), None);
    }

    #[test]
    fn values_with_blanks_stand_in_double_quotes() {
        let found = values(r#"id=a  description="two \"words\" \\ c:\x" empty="" json={"a":1}"#);
        let expected =
            [("id", "a"), ("description", r#"two "words" \ c:\x"#), ("empty", ""), ("json", r#"{"a":1}"#)];
        assert_eq!(found, expected.map(|(key, value)| (key, value.to_owned())));
    }

    #[test]
    fn fields_tell_where_they_stand() {
        let fields = parse_header("é=1 key=\"v\"").unwrap();
        assert_eq!((fields[1].key_offset, fields[1].value_offset), (5, 9));
    }

    #[test]
    fn what_is_no_field_is_an_error_at_its_place() {
        for (content, offset) in [
            ("id=a word", 5),
            ("id = a", 0),
            ("id=", 3),
            ("id= author=b", 3),
            ("id=\"a", 3),
            ("id=\"a\"b", 6),
            ("=a", 0),
            ("id=a id=b", 5),
        ] {
            assert_eq!(parse_header(content).unwrap_err().offset, offset, "{content}");
        }
    }
}
