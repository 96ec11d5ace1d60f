//! `when:`: the condition under which a stage or a change runs at all.
//!
//! Names are `environment`, `tenant` and the variables. A condition is a text, `environment == "production" and not
//! region in [eu, us]`, or a mapping whose names all have (one of) their values: `{ environment: [staging, test] }`.

use std::collections::BTreeSet;

/// A condition over names and their values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The name has one of the values.
    In(String, Vec<String>),
    /// The name has a value, and it is neither empty nor `false`.
    Set(String),
    /// It does not hold.
    Not(Box<Condition>),
    /// All hold.
    All(Vec<Condition>),
    /// One holds.
    Any(Vec<Condition>),
}

/// How deep a condition may be nested.
const MAX_DEPTH: usize = 32;

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    ///
    /// The byte at which it goes wrong, and what is expected there.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut parser = Parser { text, at: 0 };
        let condition = parser.any(0)?;
        parser.blanks();
        match parser.rest() {
            "" => Ok(condition),
            rest => Err((parser.at, format!("`{rest}` is not understood after a condition"))),
        }
    }

    /// Whether it holds; a name without a value is equal to none.
    pub fn holds(&self, value: &dyn Fn(&str) -> Option<String>) -> bool {
        match self {
            Self::In(name, values) => value(name).is_some_and(|value| values.contains(&value)),
            Self::Set(name) => value(name).is_some_and(|value| !value.is_empty() && value != "false"),
            Self::Not(inner) => !inner.holds(value),
            Self::All(all) => all.iter().all(|inner| inner.holds(value)),
            Self::Any(any) => any.iter().any(|inner| inner.holds(value)),
        }
    }

    /// The names that it asks for.
    pub fn names(&self) -> BTreeSet<&str> {
        match self {
            Self::In(name, _) | Self::Set(name) => BTreeSet::from([name.as_str()]),
            Self::Not(inner) => inner.names(),
            Self::All(all) | Self::Any(all) => all.iter().flat_map(Self::names).collect(),
        }
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

type Parsed<T> = Result<T, (usize, String)>;

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Takes a sign, if it stands here.
    fn sign(&mut self, sign: &str) -> bool {
        self.blanks();
        let found = self.rest().starts_with(sign);
        self.at += if found { sign.len() } else { 0 };
        found
    }

    /// Takes a word, if it stands here as a whole.
    fn word(&mut self, word: &str) -> bool {
        self.blanks();
        let found = self.rest().strip_prefix(word).is_some_and(|after| !after.starts_with(is_part_of_word));
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn any(&mut self, depth: usize) -> Parsed<Condition> {
        if depth > MAX_DEPTH {
            return Err((self.at, "the condition is nested too deeply".to_owned()));
        }
        let mut all = vec![self.all(depth)?];
        while self.sign("||") || self.word("or") {
            all.push(self.all(depth)?);
        }
        Ok(only(all, Condition::Any))
    }

    fn all(&mut self, depth: usize) -> Parsed<Condition> {
        let mut all = vec![self.single(depth)?];
        while self.sign("&&") || self.word("and") {
            all.push(self.single(depth)?);
        }
        Ok(only(all, Condition::All))
    }

    fn single(&mut self, depth: usize) -> Parsed<Condition> {
        if depth > MAX_DEPTH {
            return Err((self.at, "the condition is nested too deeply".to_owned()));
        }
        if self.word("not") || self.sign("!") {
            return Ok(Condition::Not(Box::new(self.single(depth + 1)?)));
        }
        if self.sign("(") {
            let inner = self.any(depth + 1)?;
            return if self.sign(")") { Ok(inner) } else { Err((self.at, "a `)` is expected".to_owned())) };
        }
        self.blanks();
        let begins = self.at;
        if let Some(word) = ["and", "or", "in"].into_iter().find(|word| self.word(word)) {
            return Err((begins, format!("a name is expected in place of `{word}`")));
        }
        let name = self.value("a name")?;
        if self.sign("==") || (!self.rest().starts_with("=>") && self.sign("=")) {
            return Ok(Condition::In(name, vec![self.value("a value")?]));
        }
        if self.sign("!=") {
            let equal = Condition::In(name, vec![self.value("a value")?]);
            return Ok(Condition::Not(Box::new(equal)));
        }
        if self.word("in") {
            return Ok(Condition::In(name, self.values()?));
        }
        if self.word("not") {
            if !self.word("in") {
                return Err((self.at, "`in` is expected after `not`".to_owned()));
            }
            return Ok(Condition::Not(Box::new(Condition::In(name, self.values()?))));
        }
        Ok(Condition::Set(name))
    }

    fn values(&mut self) -> Parsed<Vec<String>> {
        if !(self.sign("[") || self.sign("(")) {
            return Err((self.at, "a list is expected: `[a, b]`".to_owned()));
        }
        let mut values = vec![self.value("a value")?];
        while self.sign(",") {
            values.push(self.value("a value")?);
        }
        if self.sign("]") || self.sign(")") {
            return Ok(values);
        }
        Err((self.at, "a `]` is expected".to_owned()))
    }

    /// A word, or a text in quotes.
    fn value(&mut self, what: &str) -> Parsed<String> {
        self.blanks();
        let rest = self.rest();
        if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            let inside = rest.get(1..).unwrap_or_default();
            let end = inside.find(quote).ok_or_else(|| (self.at, "the quotes are not closed".to_owned()))?;
            self.at += end + 2;
            return Ok(inside.get(..end).unwrap_or_default().to_owned());
        }
        let end = rest.find(|c| !is_part_of_word(c)).unwrap_or(rest.len());
        if end == 0 {
            return Err((self.at, format!("{what} is expected")));
        }
        self.at += end;
        Ok(rest.get(..end).unwrap_or_default().to_owned())
    }
}

fn is_part_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/')
}

fn only(mut all: Vec<Condition>, several: fn(Vec<Condition>) -> Condition) -> Condition {
    match all.pop() {
        Some(one) if all.is_empty() => one,
        Some(last) => {
            all.push(last);
            several(all)
        }
        None => several(all),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str) -> bool {
        let value = |name: &str| match name {
            "environment" => Some("production".to_owned()),
            "region" => Some("eu".to_owned()),
            "off" => Some("false".to_owned()),
            _ => None,
        };
        Condition::parse(text).unwrap_or_else(|why| panic!("{text}: {why:?}")).holds(&value)
    }

    #[test]
    fn names_are_compared_with_values() {
        assert!(holds("environment == production"));
        assert!(holds("environment=production"));
        assert!(holds("environment == \"production\""));
        assert!(holds("environment != 'test'"));
        assert!(!holds("environment == test"));
        assert!(holds("region in [us, eu]"));
        assert!(holds("region not in [us]"));
    }

    #[test]
    fn a_name_alone_holds_when_it_has_a_value() {
        assert!(holds("region"));
        assert!(!holds("off"));
        assert!(!holds("tenant"));
        assert!(holds("!tenant"));
        assert!(!holds("tenant == acme"));
        assert!(holds("tenant != acme"));
    }

    #[test]
    fn conditions_are_joined() {
        assert!(holds("region == us or environment == production and not off"));
        assert!(!holds("(region == us || environment == production) && off"));
        assert!(holds("not (off or tenant)"));
    }

    #[test]
    fn words_that_begin_like_operators_are_names() {
        assert_eq!(Condition::parse("order"), Ok(Condition::Set("order".to_owned())));
        assert_eq!(Condition::parse("inner == x").unwrap().names(), BTreeSet::from(["inner"]));
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        for (text, at) in
            [("", 0), ("region ==", 9), ("region eu", 7), ("(a", 2), ("a in b", 5), ("a == 'b", 5)]
        {
            assert_eq!(Condition::parse(text).unwrap_err().0, at, "{text}");
        }
        assert!(Condition::parse(&"!".repeat(10_000)).is_err());
        assert!(Condition::parse(&"(".repeat(10_000)).is_err());
    }
}
