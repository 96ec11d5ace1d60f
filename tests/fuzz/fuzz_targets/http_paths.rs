//! What holds of every path that a guest may write: a request stays below its base URL, or is refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sandpiper_backends::http::BaseUrl;

const BASE: &str = "/a/b/";

fuzz_target!(|input: (&str, &str, &str)| {
    let (path, name, value) = input;
    let _ = BaseUrl::parse(path);
    let base = BaseUrl::parse("https://api.example/a/b/").unwrap();
    let query = [(name.to_owned(), value.to_owned())];
    for query in [&query[..], &[]] {
        let Ok(joined) = base.join(path, query) else { continue };
        check(&joined);
        // What was joined is a path like any other, and stays what it is.
        let below = joined.strip_prefix(BASE).unwrap();
        assert!(base.join(below, &[]).is_err() || base.join(below, &[]).unwrap() == joined);
    }
});

fn check(joined: &str) {
    assert!(joined.starts_with(BASE), "{joined:?}");
    assert!(joined.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'), "{joined:?}");
    let path = joined.split('?').next().unwrap();
    assert!(!path.contains('\\') && !path.starts_with("//"), "{joined:?}");
    // However often somebody decodes it, and whether he resolves dots before or after.
    let mut text = path.as_bytes().to_vec();
    for _ in 0..12 {
        let mut depth = 0_i32;
        for segment in text.split(|byte| matches!(byte, b'/' | b'\\')).skip(1) {
            match segment {
                b".." => depth -= 1,
                b"." | b"" => {}
                _ => depth += 1,
            }
            assert!(segment != b"..", "{joined:?}");
        }
        assert!(depth >= 2, "{joined:?}");
        assert_eq!(text.iter().filter(|byte| **byte == b'/').count(), path.matches('/').count(), "{joined:?}");
        assert!(!text.iter().any(u8::is_ascii_control), "{joined:?}");
        text = decoded(&text);
    }
}

fn decoded(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let digits = text.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.filter(|_| text[at] == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(byte.unwrap_or(text[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    decoded
}
