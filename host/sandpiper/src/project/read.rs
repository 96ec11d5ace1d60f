//! Reads a change file: one open, one read, its digests, and the header of a data file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use sandpiper_engine::digest::Digest;
use sandpiper_engine::fault::{Place, Problem};
use sandpiper_engine::file_name::FileName;

use super::facts::Facts;
use super::listing::Listed;
use super::stat_cache::{Stamp, StatCache};
use super::{ChangeFile, DataFile, FileKind, Options, sql_change, yaml_change};
use crate::yaml;

/// The largest change file, in bytes.
pub const MAX_FILE: u64 = 64 << 20;

pub(super) fn read(
    listed: Listed,
    options: &Options<'_>,
    cache: Option<&mut StatCache>,
    problems: &mut Vec<Problem>,
) -> Option<ChangeFile> {
    let Listed { path, shown, name } = listed;
    let (bytes, stamp) = match content(&path) {
        Ok(read) => read,
        Err(problem) => {
            problems.push(problem.at(Place::file(shown.as_str())));
            return None;
        }
    };
    let digest = Digest::of(&bytes);
    let is_component = name.extension == "wasm";
    let kind = if is_component {
        FileKind::Component
    } else if matches!(name.extension.as_str(), "yaml" | "yml" | "sql") {
        FileKind::Data(Box::new(data(&name, &shown, &bytes, problems)?))
    } else {
        source(&shown, &bytes, problems)?;
        FileKind::Source
    };
    let meaning = match is_component {
        true => (options.sources_digest)(&bytes).unwrap_or(digest),
        false => meaning_of_text(&bytes, digest),
    };
    let file = ChangeFile { path, shown, name, content: Some(bytes.into()), digest, meaning, kind };
    if let Some(cache) = cache {
        cache.keep(stamp, &file);
    }
    Some(file)
}

impl Listed {
    /// The file, of which no more is known than what was remembered.
    pub(super) fn remembered(self, facts: Facts) -> ChangeFile {
        let Self { path, shown, name } = self;
        let Facts { digest, meaning, kind } = facts;
        ChangeFile { path, shown, name, content: None, digest, meaning, kind }
    }
}

pub(super) fn data(
    name: &FileName,
    shown: &str,
    bytes: &[u8],
    problems: &mut Vec<Problem>,
) -> Option<DataFile> {
    let before = problems.len();
    let read = if name.extension == "sql" {
        match yaml::utf8(shown, bytes, "change::syntax") {
            Ok(text) => sql_change::read(shown, text, name, problems),
            Err(problem) => {
                problems.push(*problem);
                None
            }
        }
    } else {
        let document = yaml::parse(shown, bytes, "change::syntax", problems)?;
        yaml_change::read(document, name, problems)
    };
    read.filter(|_| problems.len() == before)
}

fn source(shown: &str, bytes: &[u8], problems: &mut Vec<Problem>) -> Option<()> {
    match yaml::utf8(shown, bytes, "change::syntax") {
        Ok(text) if text.trim().is_empty() => problems.push(empty(shown)),
        Ok(_) => return Some(()),
        Err(problem) => problems.push(*problem),
    }
    None
}

fn empty(shown: &str) -> Problem {
    let problem = Problem::error("change::syntax", "the file is empty").at(Place::file(shown));
    problem.help("write the change, or remove the file")
}

/// [`Digest::of_text`], taken from the digest of the bytes where both are the same.
fn meaning_of_text(bytes: &[u8], digest: Digest) -> Digest {
    let ends_once = bytes.ends_with(b"\n") && !bytes.ends_with(b"\n\n");
    let plain = ends_once && !bytes.contains(&b'\r') && !bytes.starts_with(b"\xef\xbb\xbf");
    if plain { digest } else { Digest::of_text(bytes) }
}

/// The content of a file of a known size, in one read, and its stamp from before that.
pub(super) fn content(path: &Path) -> Result<(Vec<u8>, Stamp), Problem> {
    let unreadable = |error: std::io::Error| {
        let problem = Problem::error("config::not-found", format!("the file cannot be read: {error}"));
        problem.help("let this user read it, or remove it")
    };
    // Opening a pipe would wait for whoever writes to it.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        let problem = Problem::error("config::not-found", "it has the name of a change, but is no file");
        return Err(problem.help("remove it, or put a file in its place"));
    }
    let mut file = File::open(path).map_err(unreadable)?;
    let stamp = Stamp::of(&file).map_err(unreadable)?;
    let size = stamp.size();
    if size > MAX_FILE {
        let message = format!("the file has {size} bytes; {MAX_FILE} are allowed");
        return Err(Problem::error("change::too-large", message).help("split it into several changes"));
    }
    // One byte more than expected, so that a file that grew is noticed in the same read.
    let expected = usize::try_from(size).unwrap_or(usize::MAX);
    let mut bytes = vec![0; expected.saturating_add(1)];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty() && filled != expected) {
        match file.read(rest).map_err(unreadable)? {
            0 => break,
            read => filled += read,
        }
    }
    if filled != expected {
        let problem = Problem::error("config::not-found", "the file changed while it was read");
        return Err(problem.help("run the command again"));
    }
    bytes.truncate(filled);
    Ok((bytes, stamp))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_to_a_meaning_is_the_meaning() {
        let texts: [&[u8]; 8] =
            [b"a\nb\n", b"a", b"a\n\n", b"a\r\n", b"\xef\xbb\xbfa\n", b"\n", b"", b"a\rb\n"];
        for text in texts {
            assert_eq!(meaning_of_text(text, Digest::of(text)), Digest::of_text(text), "{text:?}");
        }
    }
}
