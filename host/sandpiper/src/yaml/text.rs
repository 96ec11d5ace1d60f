//! Texts of files, and the way from counts of characters to counts of bytes.

use sandpiper_engine::fault::{Place, Problem};
use saphyr_parser::Marker;

/// The text of a file, without a byte order mark.
pub(crate) fn utf8<'t>(file: &str, bytes: &'t [u8], code: &'static str) -> Result<&'t str, Box<Problem>> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let place = Place::in_text(file, &String::from_utf8_lossy(before), before.len());
        let problem = Problem::error(code, "the file is not UTF-8 here").at(place);
        Box::new(problem.help("save it as UTF-8"))
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// YAML allows no control characters, and the parser would take the first zero for the end.
pub(super) fn printable<'t>(
    file: &str,
    bytes: &'t [u8],
    code: &'static str,
) -> Result<&'t str, Box<Problem>> {
    let text = utf8(file, bytes, code)?;
    let control = text.bytes().position(|byte| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r'));
    if let Some(at) = control {
        let byte = text.as_bytes().get(at).copied().unwrap_or_default();
        let message = format!("the control character U+{byte:04X} stands here");
        let problem = Problem::error(code, message).at(Place::in_text(file, text, at));
        return Err(Box::new(problem.help("take it out, or write it as an escape in double quotes")));
    }
    Ok(text)
}

/// Turns the parser's counts of characters into counts of bytes.
#[derive(Default)]
pub(super) struct Offsets<'t> {
    text: &'t str,
    ascii: bool,
    characters: usize,
    bytes: usize,
}

impl<'t> Offsets<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, ascii: text.is_ascii(), characters: 0, bytes: 0 }
    }

    pub(super) fn of(&mut self, marker: &Marker) -> usize {
        let wanted = marker.index();
        if self.ascii {
            return wanted.min(self.text.len());
        }
        if wanted < self.characters {
            (self.characters, self.bytes) = (0, 0);
        }
        let rest = self.text.get(self.bytes..).unwrap_or_default();
        let step = rest.char_indices().nth(wanted - self.characters).map_or(rest.len(), |(at, _)| at);
        self.characters = wanted;
        self.bytes += step;
        self.bytes
    }
}
