//! The rules of the tokens.

use super::*;

fn kinds(text: &str, dialect: Dialect) -> Vec<(Kind, &str)> {
    Lexer::new(text, dialect)
        .filter(|token| token.kind != Kind::Blank)
        .map(|token| (token.kind, token.text))
        .collect()
}

#[test]
fn a_doubled_quote_stays_in_its_string() {
    assert_eq!(kinds("'a''b'", Dialect::Generic), [(Kind::String, "'a''b'")]);
    assert_eq!(kinds("\"a\"\"b\"", Dialect::Generic), [(Kind::QuotedIdentifier, "\"a\"\"b\"")]);
    assert_eq!(kinds("`a``b`", Dialect::Mysql), [(Kind::QuotedIdentifier, "`a``b`")]);
}

#[test]
fn a_backslash_escapes_in_mysql_and_in_e_strings_only() {
    assert_eq!(kinds(r"'a\'b'", Dialect::Mysql), [(Kind::String, r"'a\'b'")]);
    assert_eq!(kinds(r"E'a\'b'", Dialect::Postgres), [(Kind::String, r"E'a\'b'")]);
    assert_eq!(kinds(r"'a\'b", Dialect::Postgres), [(Kind::String, r"'a\'"), (Kind::Word, "b")]);
    assert_eq!(kinds(r"'a\'b", Dialect::Sqlite), [(Kind::String, r"'a\'"), (Kind::Word, "b")]);
}

#[test]
fn an_e_string_goes_on_after_a_line_end_with_its_escapes() {
    let text = "E'a' -- more\n 'b\\'c'";
    assert_eq!(kinds(text, Dialect::Postgres), [(Kind::String, text)]);
    assert_eq!(kinds("E'a' 'b'", Dialect::Postgres).len(), 2);
}

#[test]
fn brackets_quote_in_sqlite_only() {
    assert_eq!(kinds("[a;'b]", Dialect::Sqlite), [(Kind::QuotedIdentifier, "[a;'b]")]);
    assert_eq!(kinds("[a]", Dialect::Postgres).len(), 3);
}

#[test]
fn block_comments_nest_in_postgres_only() {
    let text = "/* a /* b */ c */";
    assert_eq!(kinds(text, Dialect::Postgres), [(Kind::BlockComment, text)]);
    assert_eq!(kinds(text, Dialect::Sqlite)[0], (Kind::BlockComment, "/* a /* b */"));
}

#[test]
fn mysql_dashes_need_a_blank_to_be_a_comment() {
    assert_eq!(kinds("5--1", Dialect::Mysql).len(), 4);
    assert_eq!(kinds("5--1", Dialect::Sqlite), [(Kind::Number, "5"), (Kind::LineComment, "--1")]);
    assert_eq!(kinds("-- x", Dialect::Mysql), [(Kind::LineComment, "-- x")]);
    assert_eq!(kinds("--", Dialect::Mysql), [(Kind::LineComment, "--")]);
    assert_eq!(kinds("# x", Dialect::Mysql), [(Kind::LineComment, "# x")]);
}

#[test]
fn a_line_comment_ends_before_its_line_end() {
    assert_eq!(kinds("-- x\r\ny", Dialect::Sqlite)[0], (Kind::LineComment, "-- x"));
    assert_eq!(kinds("-- x\ry", Dialect::Postgres)[1], (Kind::Word, "y"));
    assert_eq!(kinds("-- x\ry", Dialect::Sqlite).len(), 1);
}

#[test]
fn dollar_quotes_have_tags_and_parameters_have_none() {
    assert_eq!(kinds("$a$ $$ ' $a$", Dialect::Postgres), [(Kind::String, "$a$ $$ ' $a$")]);
    assert_eq!(kinds("$1", Dialect::Postgres), [(Kind::Symbol, "$"), (Kind::Number, "1")]);
    assert_eq!(kinds("a$b$c", Dialect::Postgres), [(Kind::Word, "a$b$c")]);
    assert_eq!(kinds("$é$;$é$", Dialect::Postgres), [(Kind::String, "$é$;$é$")]);
}

#[test]
fn what_mysql_executes_in_a_comment_are_tokens() {
    let found = kinds("/*!50003 BEGIN */ /*M! x*/ /* y */", Dialect::Mysql);
    let texts: Vec<&str> = found.iter().map(|(_, text)| *text).collect();
    assert_eq!(texts, ["/*!50003", "BEGIN", "*/", "/*M!", "x", "*/", "/* y */"]);
    assert_eq!(kinds("/*!50003 a */", Dialect::Postgres).len(), 1);
}

#[test]
fn an_unterminated_quote_is_the_last_token_and_begins_where_it_was_opened() {
    for (text, dialect, quote) in [
        ("a 'b;", Dialect::Generic, Quote::String),
        ("a \"b;", Dialect::Generic, Quote::Identifier),
        ("a /*b;", Dialect::Generic, Quote::Comment),
        ("a $x$b;", Dialect::Postgres, Quote::Dollar),
        ("a [b;", Dialect::Sqlite, Quote::Identifier),
        ("a /*!b;", Dialect::Mysql, Quote::Comment),
        (r"a 'b\", Dialect::Mysql, Quote::String),
    ] {
        let last = Lexer::new(text, dialect).last().unwrap();
        assert_eq!((last.kind, last.start), (Kind::Unterminated(quote), 2), "{text}");
    }
}
