//! What holds of every SQL text in every dialect: the properties of `host/sql-syntax/tests/properties.rs`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sandpiper_sql_syntax::{
    Dialect, classify, find_header, names_internal_object, parse_header, sections, split,
};

const DIALECTS: [Dialect; 4] = [
    Dialect::Sqlite,
    Dialect::Postgres,
    Dialect::Mysql,
    Dialect::Generic,
];

fuzz_target!(|text: &str| {
    for dialect in DIALECTS {
        check_statements(text, dialect);
        check_sections(text, dialect);
    }
    if let Some(header) = find_header(text) {
        assert!(text[header.offset..].starts_with(header.content));
        let _ = parse_header(header.content);
    }
    if let Err(error) = parse_header(text) {
        assert!(text.is_char_boundary(error.offset));
    }
});

fn check_statements(text: &str, dialect: Dialect) {
    let _ = classify(text, dialect);
    let _ = names_internal_object(text, dialect);
    let statements = match split(text, dialect) {
        Ok(statements) => statements,
        Err(error) => return assert!(text.is_char_boundary(error.offset)),
    };
    let has_delimiter = dialect == Dialect::Mysql && text.to_ascii_uppercase().contains("DELIMITER");
    let mut end = 0;
    for statement in &statements {
        assert!(!statement.text.is_empty());
        assert!(text[statement.offset..].starts_with(statement.text));
        if !has_delimiter {
            check_gap(&text[end..statement.offset], dialect);
            check_again(statement.text, dialect);
        }
        end = statement.offset + statement.text.len();
    }
    if !has_delimiter {
        check_gap(&text[end..], dialect);
    }
}

/// Nothing but blanks, comments and terminators is left out.
fn check_gap(gap: &str, dialect: Dialect) {
    assert!(
        split(gap, dialect).is_ok_and(|statements| statements.is_empty()),
        "{gap:?} is lost in {dialect:?}"
    );
}

/// A statement split again is itself.
fn check_again(statement: &str, dialect: Dialect) {
    // MySQL reads `--` as a comment at the end of a text, and as two signs before a `;`.
    if dialect == Dialect::Mysql && statement.ends_with("--") {
        return;
    }
    let again = split(statement, dialect);
    assert!(
        again
            .as_ref()
            .is_ok_and(|again| matches!(again.as_slice(), [only] if only.text == statement)),
        "{statement:?} is {again:?} in {dialect:?}"
    );
}

fn check_sections(text: &str, dialect: Dialect) {
    match sections(text, dialect) {
        Ok(found) => {
            for section in [found.apply, found.rollback, found.verify].into_iter().flatten() {
                assert!(text[section.offset..].starts_with(section.body));
            }
        }
        Err(error) => assert!(text.is_char_boundary(error.offset)),
    }
}
