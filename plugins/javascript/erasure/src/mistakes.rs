//! What is wrong with a source: it is no TypeScript, or code would have to be made of what is not only a type.

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The byte at which it stands.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
    /// What to do, where that is known.
    pub help: Option<String>,
}

impl Mistake {
    /// What the parser says, as house messages begin: in lower case.
    pub(crate) fn of_parser(offset: usize, message: &str, help: Option<&str>) -> Self {
        let mut rest = message.chars();
        let message = match rest.next() {
            Some(first) if !rest.as_str().starts_with(char::is_uppercase) => {
                format!("{}{}", first.to_lowercase(), rest.as_str().trim_end_matches('.'))
            }
            _ => message.to_owned(),
        };
        Self { offset, message, help: help.map(str::to_owned) }
    }

    /// Something that is no type alone.
    pub(crate) fn not_erasable(offset: usize, what: &str, help: &str) -> Self {
        let message =
            format!("{what} cannot be erased: the types of a source file are, and no code is made of them");
        Self { offset, message, help: Some(help.to_owned()) }
    }
}
