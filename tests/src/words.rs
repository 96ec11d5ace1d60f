//! Splits a command line as a shell would, as far as tests need it.

/// The words of a line: split at blanks, except within double or single quotes.
///
/// # Panics
///
/// When a quote is not closed.
pub fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for character in line.chars() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    assert!(quote.is_none(), "a quote is open: {line}");
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn quotes_keep_blanks_and_empty_words() {
        assert_eq!(words(r#"a  --b="c d" '' "e"f"#), ["a", "--b=c d", "", "ef"]);
    }
}
