//! The keys of `#[change(..)]`: what may stand there, and what is wrong with what does.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, Lit, LitStr, Result, Token, braced, bracketed, token};

/// A minimal attribute, shown where a required key is missing.
const EXAMPLE: &str =
    "#[sandpiper_sdk::change(id = \"add-status\", author = \"orders-team\", target_system = \"orders-db\")]";

const KEYS: [&str; 11] = [
    "id",
    "author",
    "target_system",
    "description",
    "transactional",
    "recovery",
    "cadence",
    "uses",
    "labels",
    "when",
    "retry",
];

const RECOVERIES: [&str; 2] = ["manual-intervention", "always-retry"];
const CADENCES: [&str; 3] = ["once", "on-change", "always"];

/// The most characters of an id and of an author (`semantics.md`, Changes).
const LONGEST: usize = 255;

/// What the attribute says, checked.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Arguments {
    pub(crate) id: String,
    pub(crate) author: String,
    pub(crate) target_system: String,
    pub(crate) description: Option<String>,
    pub(crate) transactional: Option<bool>,
    pub(crate) recovery: Option<String>,
    pub(crate) cadence: Option<String>,
    pub(crate) uses: Vec<String>,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) options: Vec<(String, String)>,
}

/// `key = value`.
struct Entry {
    key: Ident,
    value: Value,
}

enum Value {
    Literal(Lit),
    List(Punctuated<LitStr, Token![,]>),
    Map(Punctuated<Label, Token![,]>, Span),
}

struct Label {
    name: LitStr,
    value: LitStr,
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let key: Ident = input.call(Ident::parse_any)?;
        input
            .parse::<Token![=]>()
            .map_err(|error| Error::new(error.span(), format!("write `{key} = ..`")))?;
        Ok(Self { key, value: input.parse()? })
    }
}

impl Parse for Value {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let content;
        if input.peek(token::Bracket) {
            bracketed!(content in input);
            Ok(Self::List(Punctuated::parse_terminated(&content)?))
        } else if input.peek(token::Brace) {
            let braces = braced!(content in input);
            Ok(Self::Map(Punctuated::parse_terminated(&content)?, braces.span.join()))
        } else {
            Ok(Self::Literal(input.parse()?))
        }
    }
}

impl Parse for Label {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name = if input.peek(LitStr) {
            input.parse()?
        } else {
            let name: Ident = input.call(Ident::parse_any)?;
            LitStr::new(&name.to_string(), name.span())
        };
        input.parse::<Token![=]>()?;
        Ok(Self { name, value: input.parse()? })
    }
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let entries = Punctuated::<Entry, Token![,]>::parse_terminated(input)?;
        let mut arguments = Self::default();
        let mut seen: Vec<String> = Vec::new();
        let mut problems = Problems::default();
        for entry in entries {
            let key = entry.key.to_string();
            if seen.contains(&key) {
                problems.add(Error::new(entry.key.span(), format!("`{key}` stands here twice")));
                continue;
            }
            problems.collect(arguments.set(&entry));
            seen.push(key);
        }
        for key in ["id", "author", "target_system"] {
            if !seen.iter().any(|seen| seen == key) {
                let message = format!("`{key}` is missing; a change has at least\n{EXAMPLE}");
                problems.add(Error::new(Span::call_site(), message));
            }
        }
        problems.into_result().map(|()| arguments)
    }
}

impl Arguments {
    fn set(&mut self, entry: &Entry) -> Result<()> {
        let key = entry.key.to_string();
        match key.as_str() {
            "id" => self.id = identifier(entry.text()?)?,
            "author" => self.author = bounded(entry.text()?)?,
            "target_system" => self.target_system = bounded(entry.text()?)?,
            "description" => self.description = Some(entry.text()?.value()),
            "transactional" => self.transactional = Some(entry.boolean()?),
            "recovery" => self.recovery = Some(one_of(entry.text()?, &RECOVERIES)?),
            "cadence" => self.cadence = Some(one_of(entry.text()?, &CADENCES)?),
            "uses" => self.uses = systems(entry)?,
            "labels" => self.labels = labels(entry)?,
            "when" | "retry" => self.options.push((key, bounded(entry.text()?)?)),
            _ => {
                let message = format!("there is no key `{key}`; there are {}", quoted(&KEYS));
                return Err(Error::new(entry.key.span(), message));
            }
        }
        Ok(())
    }
}

impl Entry {
    fn text(&self) -> Result<&LitStr> {
        match &self.value {
            Value::Literal(Lit::Str(text)) => Ok(text),
            _ => Err(self.wrong("a text: `{} = \"..\"`")),
        }
    }

    fn boolean(&self) -> Result<bool> {
        match &self.value {
            Value::Literal(Lit::Bool(value)) => Ok(value.value),
            _ => Err(self.wrong("`true` or `false`: `{} = false`")),
        }
    }

    fn wrong(&self, wanted: &str) -> Error {
        let key = self.key.to_string();
        Error::new(self.value.span(), format!("`{key}` is {}", wanted.replace("{}", &key)))
    }
}

impl Value {
    fn span(&self) -> Span {
        match self {
            Self::Literal(literal) => literal.span(),
            Self::List(list) => list.first().map_or_else(Span::call_site, LitStr::span),
            Self::Map(_, span) => *span,
        }
    }
}

/// 1 to 255 visible characters.
fn identifier(text: &LitStr) -> Result<String> {
    let value = bounded(text)?;
    match value.chars().find(|character| character.is_whitespace() || character.is_control()) {
        Some(character) => {
            let message = format!("an id holds visible characters only, and this one holds {character:?}");
            Err(Error::new(text.span(), message))
        }
        None => Ok(value),
    }
}

/// 1 to 255 characters, not all of them blank.
fn bounded(text: &LitStr) -> Result<String> {
    let value = text.value();
    let length = value.chars().count();
    if value.trim().is_empty() {
        return Err(Error::new(text.span(), "this is empty; write 1 to 255 characters"));
    }
    if length > LONGEST {
        return Err(Error::new(
            text.span(),
            format!("this is {length} characters long; at most {LONGEST} are allowed"),
        ));
    }
    Ok(value)
}

fn one_of(text: &LitStr, words: &[&str]) -> Result<String> {
    let value = text.value();
    if words.contains(&value.as_str()) {
        return Ok(value);
    }
    Err(Error::new(text.span(), format!("`{value}` is none of {}", quoted(words))))
}

fn systems(entry: &Entry) -> Result<Vec<String>> {
    let Value::List(list) = &entry.value else {
        return Err(entry.wrong("a list of configured systems: `{} = [\"crm\"]`"));
    };
    let mut systems = Vec::new();
    for system in list {
        let name = bounded(system)?;
        if systems.contains(&name) {
            return Err(Error::new(system.span(), format!("`{name}` stands here twice")));
        }
        systems.push(name);
    }
    Ok(systems)
}

fn labels(entry: &Entry) -> Result<Vec<(String, String)>> {
    let Value::Map(list, _) = &entry.value else {
        return Err(entry.wrong("a list of names and values: `{} = { team = \"orders\" }`"));
    };
    let mut labels: Vec<(String, String)> = Vec::new();
    for label in list {
        let name = bounded(&label.name)?;
        if labels.iter().any(|(other, _)| *other == name) {
            return Err(Error::new(label.name.span(), format!("the label `{name}` stands here twice")));
        }
        labels.push((name, label.value.value()));
    }
    Ok(labels)
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// All problems of one item, so that the compiler shows them at once.
#[derive(Debug, Default)]
pub(crate) struct Problems(Option<Error>);

impl Problems {
    pub(crate) fn add(&mut self, error: Error) {
        match &mut self.0 {
            Some(first) => first.combine(error),
            none => *none = Some(error),
        }
    }

    pub(crate) fn collect<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }

    pub(crate) fn into_result(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let error = syn::parse_str::<Arguments>(text).unwrap_err();
        error.into_iter().map(|error| error.to_string()).collect()
    }

    fn with(more: &str) -> String {
        format!("id = \"a\", author = \"b\", target_system = \"c\", {more}")
    }

    #[test]
    fn all_keys_are_read() {
        let text = with(
            "description = \"d\", transactional = false, recovery = \"always-retry\", cadence = \"on-change\", \
             uses = [\"crm\", \"mail\"], labels = { team = \"orders\", \"cost center\" = \"7\" }, \
             when = \"environment == 'test'\", retry = \"3\",",
        );
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = Arguments {
            id: "a".into(),
            author: "b".into(),
            target_system: "c".into(),
            description: Some("d".into()),
            transactional: Some(false),
            recovery: Some("always-retry".into()),
            cadence: Some("on-change".into()),
            uses: vec!["crm".into(), "mail".into()],
            labels: vec![pair("team", "orders"), pair("cost center", "7")],
            options: vec![pair("when", "environment == 'test'"), pair("retry", "3")],
        };
        assert_eq!(syn::parse_str::<Arguments>(&text).unwrap(), expected);
    }

    #[test]
    fn every_missing_key_is_named_with_an_example() {
        let problems = problems("author = \"orders-team\"");
        assert_eq!(problems.len(), 2);
        assert!(
            problems[0].starts_with("`id` is missing; a change has at least\n#[sandpiper_sdk::change(id = ")
        );
        assert!(problems[1].starts_with("`target_system` is missing"));
    }

    #[test]
    fn an_unknown_key_is_told_with_those_that_exist() {
        let problems = problems(&with("target = \"x\""));
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0].starts_with("there is no key `target`; there are `id`, `author`, `target_system`")
        );
    }

    #[test]
    fn a_key_stands_once() {
        assert_eq!(problems(&with("id = \"again\"")), ["`id` stands here twice"]);
        assert_eq!(problems(&with("uses = [\"crm\", \"crm\"]")), ["`crm` stands here twice"]);
        assert_eq!(problems(&with("labels = { a = \"1\", a = \"2\" }")), ["the label `a` stands here twice"]);
    }

    #[test]
    fn an_id_has_1_to_255_visible_characters() {
        let problems = |id: &str| problems(&format!("id = {id:?}, author = \"b\", target_system = \"c\""));
        assert_eq!(problems(""), ["this is empty; write 1 to 255 characters"]);
        assert_eq!(problems(&"\u{e4}".repeat(256)), ["this is 256 characters long; at most 255 are allowed"]);
        assert_eq!(problems("add status"), ["an id holds visible characters only, and this one holds ' '"]);
        let longest = format!("id = {:?}, author = \"b\", target_system = \"c\"", "\u{e4}".repeat(255));
        assert!(syn::parse_str::<Arguments>(&longest).is_ok());
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_told_with_the_right_one() {
        assert_eq!(
            problems(&with("transactional = \"no\"")),
            ["`transactional` is `true` or `false`: `transactional = false`"]
        );
        assert_eq!(problems(&with("description = 1")), ["`description` is a text: `description = \"..\"`"]);
        assert_eq!(
            problems(&with("uses = \"crm\"")),
            ["`uses` is a list of configured systems: `uses = [\"crm\"]`"]
        );
        assert_eq!(
            problems(&with("recovery = \"retry\"")),
            ["`retry` is none of `manual-intervention`, `always-retry`"]
        );
        assert_eq!(
            problems(&with("cadence = \"daily\"")),
            ["`daily` is none of `once`, `on-change`, `always`"]
        );
    }

    #[test]
    fn a_key_without_a_value_is_told() {
        assert_eq!(problems(&with("transactional")), ["write `transactional = ..`"]);
    }
}
