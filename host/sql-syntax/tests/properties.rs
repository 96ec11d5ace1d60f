//! What holds of every text in every dialect.

use proptest::prelude::*;
use sandpiper_sql_syntax::{
    Dialect, classify, find_header, names_internal_object, parse_header, sections, split,
};

const DIALECTS: [Dialect; 4] = [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql, Dialect::Generic];

/// Pieces that mean something to one dialect or another, so that random texts reach the rules.
const PIECES: &[&str] = &[
    " ",
    "\n",
    "\r\n",
    "\r",
    ";",
    ";;",
    "'",
    "''",
    "\"",
    "`",
    "[",
    "]",
    "(",
    ")",
    "\\",
    "$",
    "$$",
    "$a$",
    "--",
    "-- ",
    "#",
    "/*",
    "*/",
    "/*!",
    "/*!50003",
    "/*M!",
    ":",
    "::",
    ":=",
    ":a",
    "@",
    ".",
    ",",
    "=",
    "?",
    "1",
    "é",
    "\u{feff}",
    "a",
    "E'",
    "U&\"",
    "BEGIN ",
    "END ",
    "END",
    "ATOMIC ",
    "CASE ",
    "WHEN ",
    "THEN ",
    "ELSE ",
    "IF ",
    "LOOP ",
    "REPEAT ",
    "UNTIL ",
    "WHILE ",
    "DO ",
    "FOR ",
    "EACH ",
    "ROW ",
    "CREATE ",
    "TEMP ",
    "TRIGGER ",
    "FUNCTION f() ",
    "RETURNS ",
    "RETURN ",
    "PROCEDURE p() ",
    "EVENT ",
    "RULE ",
    "DECLARE ",
    "HANDLER ",
    "NOT ",
    "FOUND ",
    "EXPLAIN ",
    "COMMIT ",
    "COPY ",
    "FROM ",
    "SELECT ",
    "SET ",
    "PRAGMA ",
    "sandpiper_",
    "-- apply\n",
    "-- rollback\n",
    "-- sandpiper: a=\"b\"\n",
];

fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        20 => prop::sample::select(PIECES).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// With MySQL's `DELIMITER` too.
fn scripts() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![texts(), Just("\nDELIMITER //\n".to_owned()), Just("//".to_owned())];
    prop::collection::vec(pieces, 0..6).prop_map(|pieces| pieces.concat())
}

/// Whether nothing but blanks, terminators and whole comments stands in `gap`.
fn is_silent(gap: &str, dialect: Dialect) -> bool {
    split(gap, dialect).is_ok_and(|statements| statements.is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_anything_panic(text in scripts()) {
        for dialect in DIALECTS {
            let _ = classify(&text, dialect);
            let _ = names_internal_object(&text, dialect);
            if let Err(error) = split(&text, dialect) {
                prop_assert!(text.is_char_boundary(error.offset));
            }
            if let Err(error) = sections(&text, dialect) {
                prop_assert!(text.is_char_boundary(error.offset));
            }
        }
        if let Some(header) = find_header(&text) {
            prop_assert!(text[header.offset..].starts_with(header.content));
        }
        if let Err(error) = parse_header(&text) {
            prop_assert!(text.is_char_boundary(error.offset));
        }
    }

    #[test]
    fn offsets_point_at_their_statements_in_order(text in scripts()) {
        for dialect in DIALECTS {
            let mut end = 0;
            for statement in split(&text, dialect).unwrap_or_default() {
                prop_assert!(statement.offset >= end && !statement.text.is_empty());
                prop_assert!(text[statement.offset..].starts_with(statement.text));
                end = statement.offset + statement.text.len();
            }
        }
    }

    #[test]
    fn only_blanks_comments_and_terminators_are_left_out(text in texts()) {
        for dialect in DIALECTS {
            let Ok(statements) = split(&text, dialect) else { continue };
            let mut end = 0;
            for statement in &statements {
                let gap = &text[end..statement.offset];
                prop_assert!(is_silent(gap, dialect), "{gap:?} before {statement:?} in {dialect:?}");
                end = statement.offset + statement.text.len();
            }
            prop_assert!(is_silent(&text[end..], dialect), "{:?} at the end in {dialect:?}", &text[end..]);
        }
    }

    #[test]
    fn a_statement_split_again_is_itself(text in texts()) {
        for dialect in DIALECTS {
            for statement in split(&text, dialect).unwrap_or_default() {
                // MySQL reads `--` as a comment at the end of a text, and as two signs before a `;`.
                if dialect == Dialect::Mysql && statement.text.ends_with("--") {
                    continue;
                }
                let again: Vec<&str> = match split(statement.text, dialect) {
                    Ok(again) => again.into_iter().map(|statement| statement.text).collect(),
                    Err(error) => return Err(TestCaseError::fail(format!("{error:?} of {statement:?}"))),
                };
                prop_assert_eq!(again, [statement.text], "{:?}", dialect);
            }
        }
    }

    #[test]
    fn sections_are_slices_of_their_file(text in scripts()) {
        for dialect in DIALECTS {
            let Ok(found) = sections(&text, dialect) else { continue };
            for section in [found.apply, found.rollback, found.verify].into_iter().flatten() {
                prop_assert!(text[section.offset..].starts_with(section.body));
            }
        }
    }
}
