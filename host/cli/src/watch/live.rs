//! The lines at the bottom of a terminal that show what is going on: drawn in place, and taken away without a trace.
//!
//! A frame is one write, which goes over the last one without clearing it first, so that nothing flickers; one that shows
//! the same is not written at all. The cursor rests at the end of the last line.

use std::io;

/// How large a terminal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

impl Size {
    /// Of the terminal behind standard error, now: it may have been made larger or smaller since it was last asked.
    pub(super) fn now() -> Self {
        let size = rustix::termios::tcgetwinsize(io::stderr()).ok();
        let (columns, rows) = size.map_or((0, 0), |size| (size.ws_col.into(), size.ws_row.into()));
        // One that does not know is taken for the usual one.
        Self { columns: if columns == 0 { 80 } else { columns }, rows: if rows == 0 { 24 } else { rows } }
    }
}

/// What stands on the terminal.
#[derive(Debug, Default)]
pub(super) struct Live {
    lines: Vec<String>,
}

impl Live {
    /// What makes the terminal show these lines in place of those that it shows. None when they are the same.
    pub(super) fn frame(&mut self, lines: &[String], size: Size) -> Option<String> {
        let lines: Vec<String> = lines.iter().map(|line| fit(line, size.columns)).collect();
        if lines == self.lines {
            return None;
        }
        if lines.is_empty() {
            return Some(self.erase(size));
        }
        // Wrapping is off meanwhile: a character that is wider than it looks must not begin another line.
        let text =
            format!("{}\u{1b}[?7l{}\u{1b}[K\u{1b}[J\u{1b}[?7h", self.home(size), lines.join("\u{1b}[K\r\n"));
        self.lines = lines;
        Some(text)
    }

    /// What takes them away.
    pub(super) fn erase(&mut self, size: Size) -> String {
        if self.lines.is_empty() {
            return String::new();
        }
        let text = format!("{}\u{1b}[J", self.home(size));
        self.lines.clear();
        text
    }

    /// Where the first line begins. A terminal that was made narrower since has broken those that are longer now.
    fn home(&self, size: Size) -> String {
        let rows: usize =
            self.lines.iter().map(|line| width(line).div_ceil(size.columns.max(1)).max(1)).sum();
        match rows {
            0 | 1 => "\r".to_owned(),
            _ => format!("\r\u{1b}[{}A", rows - 1),
        }
    }
}

/// The line, cut where the terminal ends; colours take no room.
fn fit(line: &str, columns: usize) -> String {
    if width(line) <= columns {
        return line.to_owned();
    }
    let (mut cut, mut shown, mut in_color) = (String::with_capacity(line.len()), 0, false);
    for character in line.chars() {
        if in_color || character == '\u{1b}' {
            cut.push(character);
            in_color = character != 'm';
            continue;
        }
        shown += 1;
        match (shown + 1).cmp(&columns.max(1)) {
            std::cmp::Ordering::Less => cut.push(character),
            std::cmp::Ordering::Equal => cut.extend([character, '…']),
            std::cmp::Ordering::Greater => {}
        }
    }
    cut
}

/// How many characters of a line are seen.
pub(super) fn width(line: &str) -> usize {
    let mut in_color = false;
    let is_seen = |character: &char| {
        let was = in_color;
        in_color = *character == '\u{1b}' || (was && *character != 'm');
        !was && *character != '\u{1b}'
    };
    line.chars().filter(is_seen).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDE: Size = Size { columns: 40, rows: 10 };

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn a_frame_goes_over_the_last_one_and_the_same_is_not_drawn_twice() {
        let mut live = Live::default();
        let first = live.frame(&lines(&["one", "two"]), WIDE).unwrap();
        assert_eq!(first, "\r\u{1b}[?7lone\u{1b}[K\r\ntwo\u{1b}[K\u{1b}[J\u{1b}[?7h");
        assert_eq!(live.frame(&lines(&["one", "two"]), WIDE), None);
        let second = live.frame(&lines(&["three"]), WIDE).unwrap();
        assert_eq!(second, "\r\u{1b}[1A\u{1b}[?7lthree\u{1b}[K\u{1b}[J\u{1b}[?7h");
        assert_eq!(live.erase(WIDE), "\r\u{1b}[J");
        assert_eq!(live.erase(WIDE), "");
        assert_eq!(live.frame(&[], WIDE), None);
    }

    #[test]
    fn in_a_terminal_that_was_made_narrower_all_of_it_is_found_again() {
        let mut live = Live::default();
        live.frame(&lines(&["0123456789", "0123", ""]), WIDE).unwrap();
        assert_eq!(live.erase(Size { columns: 4, ..WIDE }), "\r\u{1b}[4A\u{1b}[J");
    }

    #[test]
    fn a_line_ends_where_the_terminal_ends_and_keeps_its_colours() {
        assert_eq!(fit("12345", 5), "12345");
        assert_eq!(fit("123456", 5), "1234…");
        assert_eq!(fit("\u{1b}[1m123456\u{1b}[0m", 5), "\u{1b}[1m1234…\u{1b}[0m");
        assert_eq!(fit("\u{1b}[1m12345\u{1b}[0m", 5), "\u{1b}[1m12345\u{1b}[0m");
        assert_eq!((fit("123", 1), fit("123", 2)), (String::new(), "1…".to_owned()));
    }
}
