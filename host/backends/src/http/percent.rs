//! Percent-encoding (RFC 3986), as the parts of a URL need it.

/// What no part of a URL gives a meaning.
pub(crate) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// What may stand in a segment of a path as it is.
pub(crate) fn is_segment(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@'
        )
}

/// What may stand in a query as it is.
pub(crate) fn is_query(byte: u8) -> bool {
    is_segment(byte) || matches!(byte, b'/' | b'?')
}

/// Writes every byte that does not stay as it is as `%XX`.
pub(crate) fn encode(bytes: &[u8], stays: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::with_capacity(bytes.len());
    for &byte in bytes {
        push(&mut encoded, byte, &stays);
    }
    encoded
}

/// The same of a text that may hold `%XX` already: they stay.
pub(crate) fn encode_rest(text: &str, stays: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        match escape(rest) {
            Some(_) => {
                encoded.extend(rest.iter().take(3).map(|byte| char::from(*byte)));
                rest = rest.get(3..).unwrap_or_default();
            }
            None => {
                push(&mut encoded, byte, &stays);
                rest = after;
            }
        }
    }
    encoded
}

fn push(encoded: &mut String, byte: u8, stays: &impl Fn(u8) -> bool) {
    if stays(byte) {
        encoded.push(char::from(byte));
    } else {
        encoded.push_str(&format!("%{byte:02X}"));
    }
}

/// The bytes that a text with `%XX` stands for; a `%` that begins none stands for itself.
pub(crate) fn decode(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        match escape(rest) {
            Some(escaped) => {
                decoded.push(escaped);
                rest = rest.get(3..).unwrap_or_default();
            }
            None => {
                decoded.push(byte);
                rest = after;
            }
        }
    }
    decoded
}

/// Whether every `%` begins an escape.
pub(crate) fn is_well_formed(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut marks = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    marks.all(|(at, _)| bytes.get(at..).is_some_and(|rest| escape(rest).is_some()))
}

/// The byte of the escape that a text begins with.
fn escape(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = text else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_again() {
        let every: Vec<u8> = (0..=255).collect();
        let encoded = encode(&every, is_unreserved);
        assert!(encoded.is_ascii() && is_well_formed(&encoded));
        assert_eq!(decode(&encoded), every);
    }

    #[test]
    fn escapes_that_are_there_stay() {
        assert_eq!(encode_rest("a b%20c%é%4", is_segment), "a%20b%20c%25%C3%A9%254");
        assert!(!is_well_formed("100%"));
    }
}
