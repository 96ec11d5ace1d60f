//! Takes values out of a tree by their keys, and collects everything that is wrong instead of stopping at the first.

use sandpiper_engine::fault::Problem;
use sandpiper_engine::suggest::nearest;

use super::{Document, Entry, Node, Resolved, Scalar, Value, resolve};

/// How keys may be spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// `target-system` only.
    Kebab,
    /// `targetSystem` too.
    KebabOrCamel,
}

/// Reads the values of one document.
pub(crate) struct Reader<'d> {
    pub(crate) document: &'d Document,
    pub(crate) problems: Vec<Problem>,
}

/// The values of a mapping by their keys. A key without a value counts as not there.
pub(crate) struct Fields<'n> {
    /// Where the mapping begins.
    pub(crate) at: usize,
    entries: Vec<(String, &'n Entry)>,
}

impl<'n> Fields<'n> {
    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The key and its value.
    pub(crate) fn entry(&self, key: &str) -> Option<&'n Entry> {
        self.entries
            .iter()
            .find(|(name, entry)| name == key && !entry.value.is_null())
            .map(|(_, entry)| *entry)
    }

    /// The keys that stand there.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }
}

impl<'d> Reader<'d> {
    /// A reader that has found nothing yet.
    pub(crate) fn new(document: &'d Document) -> Self {
        Self { document, problems: Vec::new() }
    }

    /// Adds a problem of syntax at a byte of the text.
    pub(crate) fn problem(&mut self, at: usize, message: impl Into<String>, help: impl Into<String>) {
        let problem = self.document.problem(at, message).help(help);
        self.problems.push(problem);
    }

    /// Adds a problem with a code of its own.
    pub(crate) fn problem_of(
        &mut self,
        code: &'static str,
        at: usize,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let place = self.document.place(at);
        self.problems.push(Problem::error(code, message).at(place).help(help));
    }

    /// The keys and values of a mapping. Keys that are not among the known ones are problems.
    pub(crate) fn mapping(
        &mut self,
        node: &'d Node,
        what: &str,
        known: &[&str],
        spelling: Spelling,
    ) -> Option<Fields<'d>> {
        let entries = self.entries(node, what)?;
        let mut fields = Fields { at: node.at, entries: Vec::with_capacity(entries.len()) };
        for entry in entries {
            let name = match spelling {
                Spelling::KebabOrCamel => kebab(&entry.key),
                Spelling::Kebab => entry.key.to_string(),
            };
            if !known.contains(&name.as_str()) {
                self.unknown_key(entry, what, known);
            } else if let Some((_, first)) = fields.entries.iter().find(|(other, _)| *other == name) {
                let message = format!("`{}` says the same as `{}`", entry.key, first.key);
                self.problem(entry.key_at, message, "keep one of the two");
            } else {
                fields.entries.push((name, entry));
            }
        }
        Some(fields)
    }

    fn unknown_key(&mut self, entry: &Entry, what: &str, known: &[&str]) {
        let code =
            if self.document.code == "config::syntax" { "config::unknown-key" } else { self.document.code };
        let help = match nearest(&kebab(&entry.key), known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the keys of {what} are {}", list(known)),
        };
        self.problem_of(code, entry.key_at, format!("{what} has no key `{}`", entry.key), help);
    }

    /// The entries of a mapping whose keys the user chooses.
    pub(crate) fn entries(&mut self, node: &'d Node, what: &str) -> Option<&'d [Entry]> {
        match &node.value {
            Value::Mapping(entries) => Some(entries),
            _ if node.is_null() => Some(&[]),
            _ => self.wrong(node, what, "a mapping", "write `key: value` lines"),
        }
    }

    /// The items of a list; one value that is no list counts as a list of one.
    pub(crate) fn items(&mut self, node: &'d Node, what: &str) -> Option<&'d [Node]> {
        match &node.value {
            Value::Sequence(items) => Some(items),
            Value::Mapping(_) => self.wrong(node, what, "a list", "write `[a, b]`"),
            Value::Scalar(_) if node.is_null() => Some(&[]),
            Value::Scalar(_) => Some(std::slice::from_ref(node)),
        }
    }

    /// A scalar: its text as it is written, also of what looks like a number.
    pub(crate) fn scalar(&mut self, node: &'d Node, what: &str) -> Option<&'d Scalar> {
        match &node.value {
            Value::Scalar(scalar) if resolve(scalar) != Resolved::Null => Some(scalar),
            _ => self.wrong(
                node,
                what,
                "a text",
                "write one value, in quotes where it holds special characters",
            ),
        }
    }

    /// A text.
    pub(crate) fn text(&mut self, node: &'d Node, what: &str) -> Option<&'d str> {
        self.scalar(node, what).map(|scalar| &*scalar.text)
    }

    /// A boolean.
    pub(crate) fn boolean(&mut self, node: &'d Node, what: &str) -> Option<bool> {
        let scalar = self.scalar(node, what)?;
        match resolve(scalar) {
            Resolved::Bool(truth) => Some(truth),
            _ => self.no_boolean(node, what, &scalar.text),
        }
    }

    /// Says that a text is no boolean.
    pub(crate) fn no_boolean<T>(&mut self, node: &Node, what: &str, text: &str) -> Option<T> {
        let help = match text.to_lowercase().as_str() {
            "yes" | "on" | "y" => "write `true`",
            "no" | "off" | "n" => "write `false`",
            _ => "write `true` or `false`, without quotes",
        };
        self.problem(node.at, format!("{what} is `{text}`, no boolean"), help);
        None
    }

    fn wrong<T>(&mut self, node: &Node, what: &str, wanted: &str, help: &str) -> Option<T> {
        self.problem(node.at, format!("{what} is {}, but {wanted} is expected", node.kind()), help);
        None
    }

    /// One of a few words, in any case, with `_` for `-` too: its position in the list.
    pub(crate) fn word(&mut self, node: &Node, what: &str, text: &str, words: &[&str]) -> Option<usize> {
        let found = position(text, words);
        if found.is_none() {
            self.problem(node.at, format!("{what} is `{text}`"), one_of(text, words));
        }
        found
    }
}

/// The position of a word in a list, in any case, with `_` for `-` too.
pub(crate) fn position(text: &str, words: &[&str]) -> Option<usize> {
    let plain = text.to_lowercase().replace('_', "-");
    words.iter().position(|word| *word == plain)
}

/// Help that names the words that are allowed.
pub(crate) fn one_of(text: &str, words: &[&str]) -> String {
    match nearest(&text.replace('_', "-"), words.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`? it is one of {}", list(words)),
        None => format!("write one of {}", list(words)),
    }
}

/// Words for people: `a`, `b`, `c`.
pub(crate) fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// `targetSystem` as `target-system`.
pub(crate) fn kebab(key: &str) -> String {
    let mut kebab = String::with_capacity(key.len() + 2);
    for (at, c) in key.char_indices() {
        if c.is_ascii_uppercase() && at > 0 {
            kebab.push('-');
        }
        kebab.push(c.to_ascii_lowercase());
    }
    kebab
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    fn document(text: &str, code: &'static str) -> Document {
        parse("x.yaml", text.as_bytes(), code, &mut Vec::new()).unwrap()
    }

    #[test]
    fn an_unknown_key_names_the_nearest_known_one() {
        let document = document("servcie: a\nbanana: b\n", "config::syntax");
        let mut reader = Reader::new(&document);
        reader.mapping(&document.root, "the file", &["service", "store"], Spelling::Kebab).unwrap();
        let [first, second] = reader.problems.as_slice() else { panic!("{:?}", reader.problems) };
        assert_eq!(
            (first.code, first.message.as_str()),
            ("config::unknown-key", "the file has no key `servcie`")
        );
        assert_eq!(first.help.as_deref(), Some("did you mean `service`?"));
        assert_eq!(second.place.as_ref().unwrap().to_string(), "x.yaml:2:1");
        assert_eq!(second.help.as_deref(), Some("the keys of the file are `service`, `store`"));
    }

    #[test]
    fn camel_case_keys_are_the_same_keys_where_they_are_allowed() {
        let document = document("targetSystem: a\n", "change::syntax");
        let mut reader = Reader::new(&document);
        let fields = reader.mapping(&document.root, "x", &["target-system"], Spelling::KebabOrCamel).unwrap();
        assert!(fields.get("target-system").is_some() && reader.problems.is_empty());
        reader.mapping(&document.root, "x", &["target-system"], Spelling::Kebab);
        assert_eq!(reader.problems[0].help.as_deref(), Some("did you mean `target-system`?"));
    }

    #[test]
    fn both_spellings_of_one_key_are_a_problem() {
        let document = document("targetSystem: a\ntarget-system: b\n", "change::syntax");
        let mut reader = Reader::new(&document);
        reader.mapping(&document.root, "x", &["target-system"], Spelling::KebabOrCamel);
        assert!(reader.problems[0].message.contains("says the same"));
    }

    #[test]
    fn a_key_without_a_value_counts_as_not_there() {
        let document = document("rollback:\n", "change::syntax");
        let fields =
            Reader::new(&document).mapping(&document.root, "x", &["rollback"], Spelling::Kebab).unwrap();
        assert!(fields.get("rollback").is_none());
    }

    #[test]
    fn a_wrong_type_says_what_is_expected() {
        let document = document("[1]", "config::syntax");
        let mut reader = Reader::new(&document);
        assert!(reader.text(&document.root, "`service`").is_none());
        assert_eq!(reader.problems[0].message, "`service` is a list, but a text is expected");
    }

    #[test]
    fn words_of_older_yaml_are_no_booleans_and_are_explained() {
        let document = document("yes", "config::syntax");
        let mut reader = Reader::new(&document);
        assert!(reader.boolean(&document.root, "`atomic`").is_none());
        assert_eq!(reader.problems[0].help.as_deref(), Some("write `true`"));
    }

    #[test]
    fn words_are_taken_in_any_case_and_a_slip_is_explained() {
        let document = document("x", "config::syntax");
        let mut reader = Reader::new(&document);
        let words = ["always-retry", "manual-intervention"];
        assert_eq!(reader.word(&document.root, "`recovery`", "ALWAYS_RETRY", &words), Some(0));
        assert_eq!(reader.word(&document.root, "`recovery`", "alway-retry", &words), None);
        assert!(reader.problems[0].help.as_deref().unwrap().starts_with("did you mean `always-retry`?"));
    }
}
