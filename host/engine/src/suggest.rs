//! "Did you mean": the known word that is nearest to a mistyped one.

/// The candidate that a mistyped word most likely meant: one, if any is close enough.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let allowed = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_word_that_was_meant() {
        assert_eq!(nearest("stagse", ["stages", "policy"]), Some("stages"));
        assert_eq!(nearest("Servcie", ["service", "store"]), Some("service"));
        assert_eq!(nearest("yml", ["yaml", "sql"]), Some("yaml"));
    }

    #[test]
    fn an_unlike_word_finds_nothing() {
        assert_eq!(nearest("banana", ["stages", "policy"]), None);
        assert_eq!(nearest("x", []), None);
    }
}
