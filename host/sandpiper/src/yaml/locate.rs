//! Finds where in a file a byte of a value's text stands.

use super::scalar::{Scalar, Style};
use super::{Node, Value};

/// The value that a JSON pointer names below a node, or the nearest one above it that exists; and whether it is
/// the one that was named.
pub(crate) fn child<'n>(node: &'n Node, pointer: &str) -> (&'n Node, bool) {
    let mut here = node;
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        let next = match &here.value {
            Value::Sequence(items) => token.parse::<usize>().ok().and_then(|index| items.get(index)),
            Value::Mapping(entries) => {
                entries.iter().find(|entry| *entry.key == *token).map(|entry| &entry.value)
            }
            Value::Scalar(_) => None,
        };
        match next {
            Some(next) => here = next,
            None => return (here, false),
        }
    }
    (here, true)
}

/// The byte of the file at which a byte of a scalar's text stands; the scalar's first one where lines were joined.
pub(crate) fn offset_in_file(file: &str, at: usize, scalar: &Scalar, offset: usize) -> usize {
    let found = match scalar.style {
        Style::Literal => in_literal(file, at, &scalar.text, offset),
        Style::Plain => file.get(at..).filter(|raw| raw.starts_with(&*scalar.text)).map(|_| at + offset),
        Style::SingleQuoted | Style::DoubleQuoted => in_quotes(file, at, scalar.style, offset),
        Style::Folded => None,
    };
    found.filter(|found| *found <= file.len()).unwrap_or(at)
}

/// A literal block keeps its lines, but for their indentation. It begins at its first line that is not blank.
fn in_literal(file: &str, at: usize, text: &str, offset: usize) -> Option<usize> {
    let before = text.get(..offset)?;
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text.get(line_start..)?.split('\n').next()?;
    let blank_lines = text.len() - text.trim_start_matches('\n').len();
    let mut start = file.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
    for _ in 0..before.matches('\n').count().checked_sub(blank_lines)? {
        start += file.get(start..)?.find('\n')? + 1;
    }
    let raw = file.get(start..)?.split('\n').next()?;
    let raw = raw.strip_suffix('\r').unwrap_or(raw);
    if line.is_empty() {
        return Some(start + raw.len());
    }
    raw.ends_with(line).then(|| start + raw.len() - line.len() + (offset - line_start))
}

fn in_quotes(file: &str, at: usize, style: Style, offset: usize) -> Option<usize> {
    let start = at + 1;
    let mut rest = file.get(start..)?;
    let mut decoded = 0;
    while decoded < offset {
        let (raw, length) = match style {
            Style::SingleQuoted if rest.starts_with("''") => (2, 1),
            Style::DoubleQuoted if rest.starts_with('\\') => escape(rest)?,
            _ => rest
                .chars()
                .next()
                .filter(|c| !matches!(c, '\n' | '\r'))
                .map(|c| (c.len_utf8(), c.len_utf8()))?,
        };
        decoded += length;
        rest = rest.get(raw..)?;
    }
    Some(file.len() - rest.len())
}

/// How many bytes an escape takes in the file, and in the text. None for one that joins lines.
fn escape(raw: &str) -> Option<(usize, usize)> {
    let digits = match raw.as_bytes().get(1)? {
        b'\n' | b'\r' => return None,
        b'x' => 2,
        b'u' => 4,
        b'U' => 8,
        b'N' | b'_' => return Some((2, 2)),
        b'L' | b'P' => return Some((2, 3)),
        _ => return Some((2, 1)),
    };
    let code = u32::from_str_radix(raw.get(2..2 + digits)?, 16).ok()?;
    Some((2 + digits, char::from_u32(code)?.len_utf8()))
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    /// Where in the file the first `needle` of the text at the pointer stands: `line:column`.
    fn locate(file: &str, pointer: &str, needle: &str) -> String {
        let document = parse("x", file.as_bytes(), "change::syntax", &mut Vec::new()).unwrap();
        let (node, found) = child(&document.root, pointer);
        assert!(found);
        let Value::Scalar(scalar) = &node.value else { panic!("no scalar") };
        let offset = scalar.text.find(needle).unwrap();
        let at = offset_in_file(&document.text, node.at, scalar, offset);
        document.place(at).to_string().strip_prefix("x:").unwrap().to_owned()
    }

    #[test]
    fn a_literal_block_keeps_lines_and_columns() {
        let file = "apply: |\n\n  SELECT 1;\n    DROP x;\n\n  ünd BAD\nother: 1\n";
        assert_eq!(locate(file, "/apply", "SELECT"), "3:3");
        assert_eq!(locate(file, "/apply", "DROP"), "4:5");
        assert_eq!(locate(file, "/apply", "BAD"), "6:7");
    }

    #[test]
    fn chomping_and_an_indentation_indicator_do_not_matter() {
        assert_eq!(locate("a: |2-\n    two\n   BAD\n", "/a", "BAD"), "3:4");
        assert_eq!(locate("a:\n - |+\n  x\n  BAD\n\n\n", "/a/0", "BAD"), "4:3");
        assert_eq!(locate("a: |  # why\r\n  x\r\n  BAD\r\n", "/a", "BAD"), "3:3");
    }

    #[test]
    fn plain_and_quoted_scalars_of_one_line_are_exact() {
        assert_eq!(locate("a: é BAD", "/a", "BAD"), "1:6");
        assert_eq!(locate("a: 'it''s BAD'", "/a", "BAD"), "1:11");
        assert_eq!(locate(r#"a: "\tq\u00e9\x41\"\N BAD""#, "/a", "BAD"), "1:23");
    }

    #[test]
    fn where_lines_were_joined_it_is_the_start_of_the_scalar() {
        assert_eq!(locate("a: >\n  x\n  BAD\n", "/a", "BAD"), "2:3");
        assert_eq!(locate("a: x\n  BAD\n", "/a", "BAD"), "1:4");
        assert_eq!(locate("a: 'x\n  BAD'\n", "/a", "BAD"), "1:4");
    }

    #[test]
    fn a_pointer_that_leads_nowhere_stops_at_the_last_value() {
        let document = parse("x", b"a: {'b/c': [1]}", "change::syntax", &mut Vec::new()).unwrap();
        assert!(matches!(child(&document.root, "/a/b~1c/0"), (Node { value: Value::Scalar(_), .. }, true)));
        assert!(matches!(
            child(&document.root, "/a/b~1c/7"),
            (Node { value: Value::Sequence(_), .. }, false)
        ));
        assert!(child(&document.root, "").1);
    }
}
