//! What is to be blanked in a text, and the few characters that take the place of a blank.

use std::collections::BTreeMap;

/// Edits of a text that move nothing.
pub(crate) struct Blanks<'t> {
    text: &'t str,
    ranges: Vec<(usize, usize)>,
    put: BTreeMap<usize, char>,
}

impl<'t> Blanks<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, ranges: Vec::new(), put: BTreeMap::new() }
    }

    /// Blanks the bytes from one offset up to another.
    pub(crate) fn blank(&mut self, from: usize, to: usize) {
        self.ranges.push((from, to));
    }

    /// Puts a character in the place of the one that begins at this byte.
    pub(crate) fn put(&mut self, at: usize, character: char) {
        self.put.insert(at, character);
    }

    /// Whether a line ends between two offsets.
    pub(crate) fn has_line_break(&self, from: usize, to: usize) -> bool {
        self.text.get(from..to).unwrap_or_default().contains(is_line_break)
    }

    /// Where the last character before this offset begins.
    pub(crate) fn before(&self, end: usize) -> usize {
        self.text.get(..end).and_then(|text| text.char_indices().next_back()).map_or(0, |(at, _)| at)
    }

    /// Where the next token begins, past blanks and comments.
    pub(crate) fn token(&self, from: usize) -> usize {
        let mut at = from;
        loop {
            let rest = self.text.get(at..).unwrap_or_default();
            let token = rest
                .trim_start_matches(|character: char| character.is_whitespace() || character == '\u{feff}');
            at += rest.len() - token.len();
            let comment = if token.starts_with("//") {
                token.find(is_line_break).unwrap_or(token.len())
            } else if token.starts_with("/*") {
                token.find("*/").map_or(token.len(), |end| end + 2)
            } else {
                return at;
            };
            at += comment;
        }
    }

    /// The word that begins at this offset.
    pub(crate) fn word(&self, at: usize) -> &'t str {
        let rest = self.text.get(at..).unwrap_or_default();
        let end = rest.find(|character: char| !character.is_ascii_alphabetic()).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }

    /// The character that begins at this offset.
    pub(crate) fn character(&self, at: usize) -> Option<char> {
        self.text.get(at..)?.chars().next()
    }

    /// The text with its edits.
    pub(crate) fn applied(mut self) -> String {
        self.ranges.sort_unstable();
        let mut ranges = self.ranges.into_iter().peekable();
        let mut blank_until = 0;
        let mut edited = String::with_capacity(self.text.len());
        for (at, character) in self.text.char_indices() {
            while let Some((_, to)) = ranges.next_if(|(from, _)| *from <= at) {
                blank_until = blank_until.max(to);
            }
            edited.push(match self.put.get(&at) {
                Some(put) => *put,
                None if at < blank_until && !is_line_break(character) && character != '\t' => ' ',
                None => character,
            });
        }
        edited
    }
}

fn is_line_break(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}
