//! Makes text of a guest safe to show: bounded, and without characters that steer a terminal or hide others.

/// How much of a text that a guest gives as the reason of a failure is kept, in bytes.
pub(crate) const REASON: usize = 64 << 10;

/// How long a line of a log may be, in bytes, before it is broken in two.
pub(crate) const LINE: usize = 8 << 10;

/// A text of several lines, at most `limit` bytes of it, with a note when it was cut.
pub(crate) fn lines(text: &str, limit: usize) -> String {
    let kept = cut(text, limit);
    let mut safe = String::with_capacity(kept.len());
    for (index, line) in kept.split('\n').enumerate() {
        if index > 0 {
            safe.push('\n');
        }
        push_line(&mut safe, line.strip_suffix('\r').unwrap_or(line));
    }
    if kept.len() < text.len() {
        safe.push_str(&format!(" [{} further bytes were cut]", text.len() - kept.len()));
    }
    safe
}

/// One line: line breaks in it are made visible too.
pub(crate) fn line(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    push_line(&mut safe, text);
    safe
}

/// The longest start of a text that has at most `limit` bytes.
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    let mut end = limit.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

fn push_line(safe: &mut String, line: &str) {
    for character in line.chars() {
        match character {
            '\t' => safe.push(' '),
            steering if steers(steering) => safe.extend(steering.escape_unicode()),
            plain => safe.push(plain),
        }
    }
}

/// Whether a character moves the cursor, begins an escape sequence, breaks a line, or turns the direction of the text
/// after it.
fn steers(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_made_visible() {
        assert_eq!(line("\u{1b}[2Jred\u{7}\u{9b}1m\r\u{8}"), r"\u{1b}[2Jred\u{7}\u{9b}1m\u{d}\u{8}");
        assert_eq!(line("a\nb\u{2028}c\u{202e}d"), r"a\u{a}b\u{2028}c\u{202e}d");
        assert_eq!(line("naïve\tcafé ✓"), "naïve café ✓");
    }

    #[test]
    fn line_breaks_stay_where_several_lines_are_meant() {
        assert_eq!(lines("a\r\nb\nc\rd", 100), "a\nb\nc\\u{d}d");
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_so() {
        assert_eq!(lines("ab✓cd", 3), "ab [5 further bytes were cut]");
        assert_eq!(lines("ab✓", 5), "ab✓");
    }
}
