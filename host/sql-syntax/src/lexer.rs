//! Cuts a SQL text into tokens: only as far as it takes to know what is quoted, what is a comment and what is a word.

use crate::Dialect;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Blanks, line ends, a byte order mark.
    Blank,
    /// `-- ..` (MySQL also `# ..`) without its line end.
    LineComment,
    /// `/* .. */`.
    BlockComment,
    /// The `/*!`, `/*!50003`, `/*M!` or the `*/` around what MySQL executes; what stands between are tokens.
    ExecutableComment,
    /// A string, also a dollar-quoted one.
    String,
    /// A quoted identifier (MySQL's `".."` too, which is one or a string as `sql_mode` says).
    QuotedIdentifier,
    /// A keyword or a plain identifier.
    Word,
    /// A number, with letters that stick to it.
    Number,
    /// `;`.
    Semicolon,
    /// Any other character.
    Symbol,
    /// A quote or comment that begins here and never ends. The text's last token.
    Unterminated(Quote),
}

/// What an unterminated token would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quote {
    String,
    Identifier,
    Comment,
    Dollar,
}

/// A token; `start..end` are bytes of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    pub(crate) start: usize,
}

impl<'a> Token<'a> {
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it is the unquoted word `keyword`, in upper or lower case.
    pub(crate) fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    pub(crate) fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.text == symbol
    }

    /// Whether it says nothing to the database.
    pub(crate) fn is_silent(&self) -> bool {
        matches!(self.kind, Kind::Blank | Kind::LineComment | Kind::BlockComment)
    }
}

/// The tokens of a text, without a gap.
#[derive(Clone, Debug)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    position: usize,
    dialect: Dialect,
    executable_start: Option<usize>,
    delimiter: Option<&'a str>,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str, dialect: Dialect) -> Self {
        Self { text, position: 0, dialect, executable_start: None, delimiter: None }
    }

    /// Where the MySQL executable comment begins that the next token stands in.
    pub(crate) fn executable_start(&self) -> Option<usize> {
        self.executable_start
    }

    /// Where the next token begins.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// Goes on at `position`, which must be on a character's boundary and outside of quotes.
    pub(crate) fn jump(&mut self, position: usize) {
        self.position = position;
    }

    /// From here on `delimiter` ends a word or a number that it stands in (`END$$`), as the mysql client sees it.
    pub(crate) fn set_delimiter(&mut self, delimiter: Option<&'a str>) {
        self.delimiter = delimiter;
    }

    /// The delimiter of the script's own, if it has set one.
    pub(crate) fn delimiter(&self) -> Option<&'a str> {
        self.delimiter
    }

    /// What is not yet read.
    pub(crate) fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    fn measure(&mut self, rest: &'a str) -> Option<(Kind, usize)> {
        let bytes = rest.as_bytes();
        let first = *bytes.first()?;
        Some(match first {
            _ if is_blank(rest) => (Kind::Blank, blank_length(rest)),
            b'-' if self.begins_dashes(bytes) => (Kind::LineComment, self.line_length(bytes)),
            b'#' if self.dialect == Dialect::Mysql => (Kind::LineComment, self.line_length(bytes)),
            b'/' if bytes.get(1) == Some(&b'*') => self.block_comment(bytes),
            b'*' if self.executable_start.is_some() && bytes.get(1) == Some(&b'/') => {
                self.executable_start = None;
                (Kind::ExecutableComment, 2)
            }
            b'\'' => self.string(rest, 0, self.dialect == Dialect::Mysql),
            b'"' if self.dialect == Dialect::Mysql => {
                closed(Kind::QuotedIdentifier, Quote::String, quoted_length(bytes, b'"', true), rest)
            }
            b'"' => {
                closed(Kind::QuotedIdentifier, Quote::Identifier, quoted_length(bytes, b'"', false), rest)
            }
            b'`' if self.dialect != Dialect::Postgres => {
                closed(Kind::QuotedIdentifier, Quote::Identifier, quoted_length(bytes, b'`', false), rest)
            }
            b'[' if self.dialect == Dialect::Sqlite => {
                let length = bytes.iter().position(|byte| *byte == b']').map(|at| at + 1);
                closed(Kind::QuotedIdentifier, Quote::Identifier, length, rest)
            }
            b'$' if self.dialect == Dialect::Postgres => dollar_quote(rest),
            b';' => (Kind::Semicolon, 1),
            b'0'..=b'9' => (Kind::Number, self.run(bytes, |byte| is_word(byte) || byte == b'.')),
            b'e' | b'E' if self.dialect == Dialect::Postgres && bytes.get(1) == Some(&b'\'') => {
                self.string(rest, 1, true)
            }
            _ if is_word_start(first) => (Kind::Word, self.run(bytes, |byte| is_word(byte) || byte == b'$')),
            _ => (Kind::Symbol, 1),
        })
    }

    fn run(&self, bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
        let Some(delimiter) = self.delimiter else {
            return run(bytes, belongs);
        };
        let is_delimiter =
            |at: usize| bytes.get(at..).is_some_and(|rest| rest.starts_with(delimiter.as_bytes()));
        let end =
            bytes.iter().enumerate().position(|(at, byte)| !belongs(*byte) || (at > 0 && is_delimiter(at)));
        end.unwrap_or(bytes.len())
    }

    fn begins_dashes(&self, bytes: &[u8]) -> bool {
        if bytes.get(1) != Some(&b'-') {
            return false;
        }
        // MySQL: `5--1` is arithmetic; a blank, a control character or the end must follow.
        self.dialect != Dialect::Mysql || bytes.get(2).is_none_or(|byte| *byte <= b' ')
    }

    fn line_length(&self, bytes: &[u8]) -> usize {
        // PostgreSQL ends a comment at a lone CR too; the CR of a CRLF is a blank elsewhere.
        let lone_return = self.dialect == Dialect::Postgres;
        let end = bytes.iter().position(|byte| *byte == b'\n' || (lone_return && *byte == b'\r'));
        let end = end.unwrap_or(bytes.len());
        let carriage_return = end > 0 && end < bytes.len() && bytes.get(end - 1) == Some(&b'\r');
        if carriage_return { end - 1 } else { end }
    }

    fn block_comment(&mut self, bytes: &[u8]) -> (Kind, usize) {
        if self.dialect == Dialect::Mysql
            && self.executable_start.is_none()
            && let Some(length) = executable_length(bytes)
        {
            self.executable_start = Some(self.position);
            return (Kind::ExecutableComment, length);
        }
        let nests = self.dialect == Dialect::Postgres;
        let mut depth = 1_usize;
        let mut at = 2;
        while let Some(byte) = bytes.get(at) {
            match (byte, bytes.get(at + 1)) {
                (b'*', Some(b'/')) => {
                    depth -= 1;
                    at += 2;
                    if depth == 0 {
                        return (Kind::BlockComment, at);
                    }
                }
                (b'/', Some(b'*')) if nests => {
                    depth += 1;
                    at += 2;
                }
                _ => at += 1,
            }
        }
        (Kind::Unterminated(Quote::Comment), bytes.len())
    }

    /// A `'..'` whose quote stands at `quote`.
    fn string(&self, rest: &str, quote: usize, escapes: bool) -> (Kind, usize) {
        let bytes = rest.as_bytes();
        let mut end = quote;
        loop {
            let Some(length) = bytes.get(end..).and_then(|part| quoted_length(part, b'\'', escapes)) else {
                return (Kind::Unterminated(Quote::String), rest.len());
            };
            end += length;
            // Only PostgreSQL's E'' has this form: after a line end the string goes on, with its escapes.
            let next = if quote == 1 { continuation(bytes.get(end..).unwrap_or_default()) } else { None };
            match next {
                Some(gap) => end += gap,
                None => return (Kind::String, end),
            }
        }
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let rest = self.rest();
        let start = self.position;
        let Some((kind, length)) = self.measure(rest) else {
            // The end, perhaps inside an executable comment: reported once, as a token without bytes.
            let start = self.executable_start.take()?;
            return Some(Token { kind: Kind::Unterminated(Quote::Comment), text: "", start });
        };
        // Every length ends on a character's boundary: what is not ASCII stands whole in words, quotes and comments.
        let text = rest.get(..length).unwrap_or(rest);
        self.position += text.len();
        Some(Token { kind, text, start })
    }
}

/// A blank of every dialect; a byte order mark counts as one wherever a token may begin.
fn is_blank(rest: &str) -> bool {
    rest.starts_with([' ', '\t', '\n', '\r', '\x0b', '\x0c', '\u{feff}'])
}

fn blank_length(rest: &str) -> usize {
    let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c', '\u{feff}']);
    rest.len() - trimmed.len()
}

fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_word(byte: u8) -> bool {
    is_word_start(byte) || byte.is_ascii_digit()
}

fn run(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !belongs(*byte)).unwrap_or(bytes.len())
}

fn closed(kind: Kind, quote: Quote, length: Option<usize>, rest: &str) -> (Kind, usize) {
    length.map_or((Kind::Unterminated(quote), rest.len()), |length| (kind, length))
}

/// The length of what begins with `quote` and ends with one that is not doubled (nor escaped).
fn quoted_length(bytes: &[u8], quote: u8, escapes: bool) -> Option<usize> {
    let mut at = 1;
    loop {
        let rest = bytes.get(at..)?;
        at += rest.iter().position(|byte| *byte == quote || (escapes && *byte == b'\\'))?;
        if bytes.get(at) == Some(&b'\\') && escapes || bytes.get(at + 1) == Some(&quote) {
            at += 2;
            continue;
        }
        return Some(at + 1);
    }
}

/// The gap before the next part of a PostgreSQL string that goes on after a line end.
fn continuation(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    let mut line_end = false;
    loop {
        match bytes.get(at)? {
            b'\n' | b'\r' => line_end = true,
            b' ' | b'\t' | b'\x0b' | b'\x0c' => {}
            b'-' if bytes.get(at + 1) == Some(&b'-') => {
                at += run(bytes.get(at..)?, |byte| byte != b'\n' && byte != b'\r');
                continue;
            }
            b'\'' if line_end => return Some(at),
            _ => return None,
        }
        at += 1;
    }
}

/// The length of `/*!`, `/*!50003`, `/*M!` or `/*M!100100`.
fn executable_length(bytes: &[u8]) -> Option<usize> {
    let head = match bytes {
        [b'/', b'*', b'!', ..] => 3,
        [b'/', b'*', b'M', b'!', ..] => 4,
        _ => return None,
    };
    let digits = bytes.iter().skip(head).take(6).take_while(|byte| byte.is_ascii_digit()).count();
    // A version has five or six digits; fewer are a part of the statement.
    Some(if digits >= 5 { head + digits } else { head })
}

/// `$$ .. $$`, `$tag$ .. $tag$`, or a `$` that begins neither.
fn dollar_quote(rest: &str) -> (Kind, usize) {
    let bytes = rest.as_bytes();
    let after = bytes.get(1..).unwrap_or_default();
    let name = if after.first().is_some_and(|byte| is_word_start(*byte)) { run(after, is_word) } else { 0 };
    if after.get(name) != Some(&b'$') {
        return (Kind::Symbol, 1);
    }
    let opening = name + 2;
    let (Some(tag), Some(body)) = (rest.get(..opening), rest.get(opening..)) else {
        return (Kind::Symbol, 1);
    };
    match body.find(tag) {
        Some(at) => (Kind::String, opening + at + opening),
        None => (Kind::Unterminated(Quote::Dollar), rest.len()),
    }
}

#[cfg(test)]
mod tests;
