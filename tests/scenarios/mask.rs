//! Puts names in place of what is another in each run: times, durations, ids, digests, paths.

use std::sync::LazyLock;

use serde_json::Value;

/// The fields of JSON documents that are another in each run.
const FIELDS: [&str; 15] = [
    "applied_at",
    "attempt_id",
    "digest",
    "duration_ms",
    "expires_at",
    "finished_at",
    "hash",
    "host",
    "operator",
    "owner",
    "run_id",
    "since",
    "started_at",
    "template_digest",
    "token",
];

/// The name of this machine.
static HOST: LazyLock<String> = LazyLock::new(|| {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
});

/// What durations are counted in.
const UNITS: [&str; 4] = ["ms", "s", "µs", "min"];

/// A JSON document in lines, with names in place of what varies.
pub(crate) fn json(text: &str, folder: &str) -> Option<String> {
    let mut value: Value = serde_json::from_str(text).ok()?;
    if !value.is_object() {
        return None;
    }
    fields(&mut value);
    Some(human(&serde_json::to_string_pretty(&value).unwrap(), folder))
}

fn fields(value: &mut Value) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let varies = FIELDS.contains(&name.as_str()) || (name == "version" && value.is_string());
                match value {
                    Value::String(_) | Value::Number(_) if varies => {
                        *value = Value::String(format!("[{name}]"))
                    }
                    _ => fields(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(fields),
        _ => {}
    }
}

/// A text for people, with names in place of what varies. Gaps between columns become two blanks, for their width
/// follows from durations.
pub(crate) fn human(text: &str, folder: &str) -> String {
    text.replace(folder, "[folder]").lines().map(|text| line(text) + "\n").collect()
}

fn line(text: &str) -> String {
    let indent = text.len() - text.trim_start_matches(' ').len();
    let mut line = " ".repeat(indent);
    let words: Vec<&str> = text.split(' ').skip(indent).collect();
    let (mut at, mut gap) = (0, "");
    while let Some(next) = words.get(at) {
        at += 1;
        if next.is_empty() {
            gap = if gap.is_empty() { gap } else { "  " };
            continue;
        }
        line.push_str(gap);
        gap = " ";
        let unit = words.get(at).filter(|_| next.parse::<f64>().is_ok()).copied();
        if let Some(unit) = unit.filter(|unit| UNITS.contains(&unit.trim_end_matches([',', ';', ')']))) {
            at += 1;
            line.push_str("[duration]");
            line.push_str(unit.trim_start_matches(char::is_alphabetic));
        } else {
            line.push_str(&word(next));
        }
    }
    line.replace("[date] [time]", "[time]")
}

/// A word without what varies: an id, a digest, a time.
fn word(word: &str) -> String {
    let core = word.trim_matches(|c: char| "\"',;()`".contains(c));
    if core.is_empty() {
        return word.to_owned();
    }
    let masked = if core == HOST.as_str() {
        "[host]"
    } else if core.starts_with("tester@") {
        "tester@[host]"
    } else if is_time(core) {
        "[time]"
    } else if is_date(core) {
        "[date]"
    } else if let Some(digits) = core.strip_prefix("sha256:").or(Some(core)).filter(|it| is_hex(it, 64)) {
        if digits.len() == core.len() { "[digest]" } else { "sha256:[digest]" }
    } else if is_uuid(core) {
        "[uuid]"
    } else if core
        .strip_suffix('…')
        .is_some_and(|it| it.len() >= 6 && it.chars().all(|c| c.is_ascii_hexdigit() || c == '-'))
    {
        "[short]…"
    } else if core.len() == 13 && core.chars().all(|c| c.is_ascii_digit()) {
        "[token]"
    } else {
        return word.to_owned();
    };
    word.replacen(core, masked, 1)
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.chars().all(|c| c.is_ascii_hexdigit())
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() == 5 && parts.iter().zip([8, 4, 4, 4, 12]).all(|(part, length)| is_hex(part, length))
}

fn is_date(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00"
}

fn is_time(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let clock = shape.strip_prefix("0000-00-00T").unwrap_or(&shape);
    clock.starts_with("00:00:00") && clock.ends_with('Z')
}

#[test]
fn what_varies_gets_a_name() {
    let digest = "a".repeat(64);
    for (text, masked) in [
        ("  ✓ A  applied          3 ms  db", "  ✓ A  applied  [duration]  db"),
        ("1 applied · 1.2 s · run 0193f2aa…", "1 applied · [duration] · run [short]…"),
        ("since 2026-01-02 03:04:05Z, once", "since [time], once"),
        ("at 2026-01-02T03:04:05.123Z", "at [time]"),
        (&format!("sha256:{digest} and {digest}"), "sha256:[digest] and [digest]"),
        ("in /tmp/x/a.db: 3 changes", "in [folder]/a.db: 3 changes"),
        ("(took 3 ms)", "(took [duration])"),
        (&format!("by tester@{0} on {0}", HOST.as_str()), "by tester@[host] on [host]"),
    ] {
        assert_eq!(human(text, "/tmp/x"), format!("{masked}\n"));
    }
    let document = r#"{"version":1,"run_id":"x","entries":[{"version":"0.1","token":5,"error":null}]}"#;
    let masked = json(document, "/tmp/x").unwrap();
    assert!(masked.contains(r#""version": 1"#) && masked.contains(r#""version": "[version]""#), "{masked}");
    assert!(masked.contains(r#""token": "[token]""#) && masked.contains(r#""error": null"#), "{masked}");
}
