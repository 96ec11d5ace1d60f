//! The custom sections in which a component says what it was built from: its language, and the digest of its sources.

use sandpiper_engine::digest::Digest;
use sandpiper_runtime::component::SOURCES_SECTION;
use wasm_metadata::Producers;

/// A component that says which language it was written in. What its tools say is no answer: an interpreter in it was
/// written in another language than the change.
///
/// # Errors
///
/// When the bytes are no component, in words.
pub(super) fn with_language(component: &[u8], language: &str) -> Result<Vec<u8>, String> {
    let mut producers = Producers::empty();
    producers.add("language", language, "");
    producers.add_to_wasm(component).map_err(|error| format!("{error:#}"))
}

/// A component with the digest of its sources, in place of one that it may have had.
pub(super) fn with_sources(component: &[u8], sources: Digest) -> Vec<u8> {
    let mut bytes = component.to_vec();
    append(&mut bytes, SOURCES_SECTION, sources.to_string().as_bytes());
    bytes
}

/// Appends a custom section: id 0, its size, the length of its name, the name, the content.
pub(super) fn append(bytes: &mut Vec<u8>, name: &str, content: &[u8]) {
    let mut section = Vec::new();
    push_length(&mut section, name.len());
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(content);
    bytes.push(0);
    push_length(bytes, section.len());
    bytes.extend_from_slice(&section);
}

/// Writes an unsigned LEB128 number.
fn push_length(bytes: &mut Vec<u8>, mut value: usize) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

/// The digest of the sources that a component says it was built from: it looks at the sizes of sections only, for it
/// is asked of every component of a pipeline, also when nothing is pending.
pub(crate) fn sources_of(component: &[u8]) -> Option<Digest> {
    let mut rest = component.strip_prefix(b"\0asm\x0d\0\x01\0")?;
    let mut found = None;
    while let Some((id, after)) = rest.split_first() {
        let (size, after) = length(after)?;
        let (section, after) = after.split_at_checked(size)?;
        if *id == 0 {
            let (named, content) = length(section)?;
            let (name, content) = content.split_at_checked(named)?;
            if name == SOURCES_SECTION.as_bytes() {
                found = std::str::from_utf8(content).ok()?.parse().ok();
            }
        }
        rest = after;
    }
    found
}

/// An unsigned LEB128 number of at most 32 bits, and what comes after it.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, bytes.get(index + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    #[test]
    fn the_digest_that_was_written_is_read_back_and_the_last_one_counts() {
        assert_eq!(sources_of(EMPTY), None);
        let one = with_sources(EMPTY, Digest::of(b"1"));
        assert_eq!(sources_of(&one), Some(Digest::of(b"1")));
        assert_eq!(sources_of(&with_sources(&one, Digest::of(b"2"))), Some(Digest::of(b"2")));
    }

    #[test]
    fn what_is_no_component_or_is_cut_off_has_no_sources() {
        let whole = with_sources(EMPTY, Digest::of(b"1"));
        for end in 0..whole.len() {
            assert_eq!(sources_of(&whole[..end]), None, "{end}");
        }
        assert_eq!(sources_of(b"\0asm\x01\0\0\0"), None);
        assert_eq!(sources_of(b"\0asm\x0d\0\x01\0\x00\xff\xff\xff\xff\x7f"), None);
    }
}
