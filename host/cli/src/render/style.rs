//! Colours, and the words for times and durations.

use std::fmt::Display;

use clap::builder::styling::{AnsiColor, Style};

/// What a piece of text means to its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    /// It went well.
    Good,
    /// It went wrong.
    Bad,
    /// It is odd, or it waits.
    Odd,
    /// It is there to be found, not to be read.
    Faint,
    /// It heads something.
    Head,
    /// It points somewhere.
    Link,
}

/// Colours, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Palette {
    /// Whether there are colours.
    pub(crate) colors: bool,
}

impl Palette {
    /// The text in its colour.
    pub(crate) fn paint(self, ink: Ink, text: &str) -> String {
        if !self.colors || text.is_empty() {
            return text.to_owned();
        }
        let style = match ink {
            Ink::Good => AnsiColor::Green.on_default(),
            Ink::Bad => AnsiColor::Red.on_default().bold(),
            Ink::Odd => AnsiColor::Yellow.on_default(),
            Ink::Faint => Style::new().dimmed(),
            Ink::Head => Style::new().bold(),
            Ink::Link => AnsiColor::Cyan.on_default(),
        };
        format!("{style}{text}{style:#}")
    }
}

/// A duration: `3 ms`, `1.2 s`, `2 min 05 s`, `1 h 02 min`.
pub(crate) fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{seconds}.{} s", milliseconds % 1000 / 100),
        60_000..3_600_000 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// A time to the second: `2026-01-02 03:04:05Z`.
pub(crate) fn time(timestamp: impl Display) -> String {
    let text = timestamp.to_string();
    let seconds: String = text.chars().take(19).collect();
    format!("{}Z", seconds.replace('T', " "))
}

/// The beginning of an identity that nobody reads to the end.
pub(crate) fn abbreviated(id: &str) -> String {
    let short: String = id.chars().take(8).collect();
    if short.len() < id.len() { format!("{short}…") } else { short }
}

/// A number with its noun: `1 change`, `2 changes`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Text of a guest, a server or a file on one line, with everything written out that would steer a terminal or deceive
/// its reader.
pub(crate) fn clean(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' | '\n' => safe.push(' '),
            '\r' => {}
            _ if character.is_control() || deceives(character) => safe.extend(character.escape_unicode()),
            _ => safe.push(character),
        }
    }
    safe
}

/// Whether the character is invisible and turns or breaks the line.
fn deceives(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_in_the_unit_that_people_would_use() {
        assert_eq!(duration(0), "0 ms");
        assert_eq!(duration(999), "999 ms");
        assert_eq!(duration(1_290), "1.2 s");
        assert_eq!(duration(125_000), "2 min 05 s");
        assert_eq!(duration(3_720_000), "1 h 02 min");
    }

    #[test]
    fn times_are_told_to_the_second() {
        assert_eq!(time("2026-01-02T03:04:05.123456Z"), "2026-01-02 03:04:05Z");
        assert_eq!(time("2026-01-02T03:04:05Z"), "2026-01-02 03:04:05Z");
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\tc\r\nd"), "a\\u{1b}[2Jb c d");
        assert_eq!(clean("x\u{202e}y\u{9b}"), "x\\u{202e}y\\u{9b}");
        assert_eq!(clean("größe ✓"), "größe ✓");
    }

    #[test]
    fn without_colours_text_stays_as_it_is() {
        assert_eq!(Palette::default().paint(Ink::Bad, "x"), "x");
        assert_eq!(Palette { colors: true }.paint(Ink::Good, "x"), "\u{1b}[32mx\u{1b}[0m");
    }
}
