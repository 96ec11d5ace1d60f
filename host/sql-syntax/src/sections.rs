//! Finds the parts of a `.sql` change file: `-- apply`, `-- rollback`, `-- verify`.

use crate::lexer::{Kind, Lexer};
use crate::{Dialect, Header, find_header};

/// The parts of a change file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sections<'a> {
    /// The header line, if there is one.
    pub header: Option<Header<'a>>,
    /// What applies the change: the whole file when it has no marker; `None` when it has only other markers.
    pub apply: Option<Section<'a>>,
    /// What takes it back.
    pub rollback: Option<Section<'a>>,
    /// The query that says whether it is applied.
    pub verify: Option<Section<'a>>,
}

/// One part of a change file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section<'a> {
    /// Everything between its marker line and the next, byte for byte.
    pub body: &'a str,
    /// Where the body begins: bytes from the start of the file.
    pub offset: usize,
}

/// Why a file cannot be cut into sections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionError {
    /// Where the fault begins: bytes from the start of the file.
    pub offset: usize,
    /// What is wrong, a lower-case fragment.
    pub message: String,
    /// The next step.
    pub help: String,
}

impl std::fmt::Display for SectionError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for SectionError {}

/// The sections of a change file. A marker is a line that is only `-- apply`, `-- rollback` or `-- verify`, outside of
/// strings, block comments and dollar quotes. Where one of those has no end, it counts as ended by its line, so that the
/// other sections are still found; [`split`](crate::split) reports it.
///
/// # Errors
///
/// A section that stands twice, a statement before the first marker, and a line that is nearly a marker: read as a
/// comment, it would let a rollback run as part of apply.
pub fn sections(text: &str, dialect: Dialect) -> Result<Sections<'_>, SectionError> {
    let scan = scan(text, dialect);
    if let Some((offset, part)) = scan.nearly {
        return Err(SectionError {
            offset,
            message: "this is nearly the beginning of a section".to_owned(),
            help: format!("write `-- {}`, or make it a comment that says more", part.name()),
        });
    }
    let mut sections = Sections { header: find_header(text), apply: None, rollback: None, verify: None };
    let Some(first) = scan.markers.first() else {
        sections.apply = Some(Section { body: text, offset: 0 });
        return Ok(sections);
    };
    if let Some(offset) = scan.first_statement.filter(|offset| *offset < first.line_start) {
        return Err(SectionError {
            offset,
            message: format!("a statement stands before the first section, `-- {}`", first.part.name()),
            help: "put a line `-- apply` before it".to_owned(),
        });
    }
    let ends = scan.markers.iter().skip(1).map(|next| next.line_start).chain([text.len()]);
    for (marker, end) in scan.markers.iter().zip(ends) {
        let offset = marker.body_start;
        let place = match marker.part {
            Part::Apply => &mut sections.apply,
            Part::Rollback => &mut sections.rollback,
            Part::Verify => &mut sections.verify,
        };
        if place.is_some() {
            let name = marker.part.name();
            return Err(SectionError {
                offset: marker.line_start,
                message: format!("the section `-- {name}` stands twice"),
                help: "put its statements into one section".to_owned(),
            });
        }
        *place = Some(Section { body: text.get(offset..end).unwrap_or_default(), offset });
    }
    Ok(sections)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Apply,
    Rollback,
    Verify,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Rollback => "rollback",
            Self::Verify => "verify",
        }
    }
}

struct Marker {
    part: Part,
    line_start: usize,
    body_start: usize,
}

struct Scan {
    markers: Vec<Marker>,
    /// Where the first token stands that is no comment.
    first_statement: Option<usize>,
    /// The first line that is nearly a marker, and of which section.
    nearly: Option<(usize, Part)>,
}

fn scan(text: &str, dialect: Dialect) -> Scan {
    let mut scan = Scan { markers: Vec::new(), first_statement: None, nearly: None };
    let mut lexer = Lexer::new(text, dialect);
    // Whether only blanks stand between the start of the line and the next token.
    let mut at_line_start = true;
    let mut line_start = 0;
    while let Some(token) = lexer.next() {
        match token.kind {
            Kind::Blank => {
                if let Some(at) = token.text.rfind('\n') {
                    at_line_start = true;
                    line_start = token.start + at + 1;
                }
                continue;
            }
            Kind::LineComment if at_line_start && lexer.executable_start().is_none() => {
                scan.take_line(text, line_start, token.end());
            }
            Kind::Unterminated(_) => {
                scan.first_statement.get_or_insert(token.start);
                scan.take_lines(text, token.start);
                return scan;
            }
            _ if token.is_silent() => {}
            _ => {
                scan.first_statement.get_or_insert(token.start);
            }
        }
        at_line_start = false;
    }
    scan
}

impl Scan {
    /// Adds the marker that the line `start..end` is, if it is one.
    fn take_line(&mut self, text: &str, start: usize, end: usize) {
        let line = text.get(start..end).unwrap_or_default();
        let Some(part) = part_of(line) else {
            if let Some(part) = nearly(line) {
                self.nearly.get_or_insert((start, part));
            }
            return;
        };
        let rest = text.get(end..).unwrap_or_default();
        let body_start = rest.find('\n').map_or(text.len(), |at| end + at + 1);
        self.markers.push(Marker { part, line_start: start, body_start });
    }

    /// Every line after the one that `from` stands in, without regard to quotes.
    fn take_lines(&mut self, text: &str, from: usize) {
        let mut start = from;
        for (number, line) in text.get(from..).unwrap_or_default().split_inclusive('\n').enumerate() {
            let end = start + line.trim_end_matches(['\n', '\r']).len();
            if number > 0 {
                self.take_line(text, start, end);
            }
            start += line.len();
        }
    }
}

fn part_of(line: &str) -> Option<Part> {
    let comment = line.trim_start_matches('\u{feff}').trim_ascii().strip_prefix("--")?;
    match comment.trim_ascii() {
        "apply" => Some(Part::Apply),
        "rollback" => Some(Part::Rollback),
        "verify" => Some(Part::Verify),
        _ => None,
    }
}

/// The section whose marker a line almost is: its one word in other letters, or one letter away.
fn nearly(line: &str) -> Option<Part> {
    let comment = line.trim_start_matches('\u{feff}').trim_ascii().strip_prefix("--")?;
    let word = comment.trim_ascii().trim_end_matches(':').to_ascii_lowercase();
    [Part::Apply, Part::Rollback, Part::Verify].into_iter().find(|part| is_near(&word, part.name()))
}

/// Whether two words differ by at most one letter that is missing, too many, or another one.
fn is_near(word: &str, name: &str) -> bool {
    let (word, name) = (word.as_bytes(), name.as_bytes());
    if word.len().abs_diff(name.len()) > 1 {
        return false;
    }
    let same = word.iter().zip(name).take_while(|(a, b)| a == b).count();
    let rest =
        |text: &[u8], skipped: usize| text.get(same + skipped..).map(<[u8]>::to_vec).unwrap_or_default();
    match word.len().cmp(&name.len()) {
        std::cmp::Ordering::Equal => rest(word, 1) == rest(name, 1),
        std::cmp::Ordering::Greater => rest(word, 1) == rest(name, 0),
        std::cmp::Ordering::Less => rest(word, 0) == rest(name, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(text: &str, dialect: Dialect) -> [Option<&str>; 3] {
        let found = sections(text, dialect).unwrap();
        [found.apply, found.rollback, found.verify].map(|section| {
            section.map(|section| {
                assert_eq!(&text[section.offset..section.offset + section.body.len()], section.body);
                section.body
            })
        })
    }

    #[test]
    fn sections_begin_at_lines_that_are_only_their_marker() {
        let text = "-- sandpiper: id=a\n-- apply\nA;\n-- rollback now\nB; -- rollback\n-- rollback\nC;\n-- verify\nD";
        let expected = [Some("A;\n-- rollback now\nB; -- rollback\n"), Some("C;\n"), Some("D")];
        assert_eq!(bodies(text, Dialect::Sqlite), expected);
        assert_eq!(sections(text, Dialect::Sqlite).unwrap().header.unwrap().content, "id=a");
    }

    #[test]
    fn without_a_marker_the_whole_file_is_the_apply_part() {
        let text = "\u{feff}-- sandpiper: id=a\r\nA;\r\n";
        assert_eq!(bodies(text, Dialect::Sqlite), [Some(text), None, None]);
        assert_eq!(bodies("", Dialect::Sqlite), [Some(""), None, None]);
    }

    #[test]
    fn blanks_and_carriage_returns_around_a_marker_are_nothing() {
        let text = "\u{feff}  --  apply \t\r\nA;\r\n--rollback\r\nB;\r\n\t-- verify";
        assert_eq!(bodies(text, Dialect::Sqlite), [Some("A;\r\n"), Some("B;\r\n"), Some("")]);
    }

    #[test]
    fn a_marker_inside_of_quotes_or_comments_does_not_count() {
        for (quoted, dialect) in [
            ("'\n-- rollback\n'", Dialect::Sqlite),
            ("\"\n-- rollback\n\"", Dialect::Sqlite),
            ("/*\n-- rollback\n*/", Dialect::Sqlite),
            ("/* /*\n*/\n-- rollback\n*/", Dialect::Postgres),
            ("$x$\n-- rollback\n$x$", Dialect::Postgres),
            ("/*!50003\n-- rollback\n*/", Dialect::Mysql),
            ("'\\'\n-- rollback\n'", Dialect::Mysql),
        ] {
            let text = format!("-- apply\nSELECT {quoted};\n-- rollback\nB");
            let body = format!("SELECT {quoted};\n");
            assert_eq!(bodies(&text, dialect), [Some(body.as_str()), Some("B"), None], "{text}");
        }
    }

    #[test]
    fn markers_after_a_quote_without_end_still_count() {
        let text = "-- apply\nSELECT 'a;\n-- rollback\nDROP TABLE b;\n";
        assert_eq!(bodies(text, Dialect::Sqlite), [Some("SELECT 'a;\n"), Some("DROP TABLE b;\n"), None]);
        let text = "-- apply\n/* a\r\n-- rollback\r\nB";
        assert_eq!(bodies(text, Dialect::Mysql), [Some("/* a\r\n"), Some("B"), None]);
    }

    #[test]
    fn a_statement_before_the_first_marker_is_an_error_at_its_place() {
        let error = sections("-- sandpiper: id=a\nA;\n-- rollback\nB;", Dialect::Sqlite).unwrap_err();
        assert_eq!((error.offset, error.help.as_str()), (19, "put a line `-- apply` before it"));
    }

    #[test]
    fn a_line_that_is_nearly_a_marker_is_an_error_at_its_place() {
        for nearly in [
            "-- Rollback",
            "--ROLLBACK",
            "-- rolback",
            "-- rollback:",
            "-- rollbacks",
            "-- roll back",
            "-- rollbacc",
            "-- Apply",
            "-- veriffy",
        ] {
            let error = sections(&format!("-- apply\nA;\n{nearly}\nB;"), Dialect::Sqlite).unwrap_err();
            assert_eq!(error.offset, 12, "{nearly}");
        }
        for comment in ["-- rollback of the old way", "-- down", "-- supply", "-- a", "--", "/* Rollback */"]
        {
            let text = format!("-- apply\nA;\n{comment}\nB;");
            assert!(sections(&text, Dialect::Sqlite).is_ok(), "{comment}");
        }
        assert!(sections("SELECT '\n-- Rollback\n';", Dialect::Sqlite).is_ok());
    }

    #[test]
    fn a_section_that_stands_twice_is_an_error_at_the_second() {
        let error = sections("-- apply\nA;\n-- apply\nB;", Dialect::Sqlite).unwrap_err();
        assert_eq!((error.offset, error.message.as_str()), (12, "the section `-- apply` stands twice"));
    }
}
