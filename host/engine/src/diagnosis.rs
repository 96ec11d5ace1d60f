//! What a look at a system finds: one finding for each thing that has to be right, and how to mend what is not.

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Health {
    /// As it should be.
    Good,
    /// Odd, but nothing fails because of it.
    Odd,
    /// Wrong: something will fail, or is not protected.
    Bad,
    /// Not looked at, because something before it is wrong.
    Unknown,
}

/// What was found out about one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which thing of the system, in one word: `reachable`, `rights`.
    pub aspect: &'static str,
    /// How it is.
    pub health: Health,
    /// What was found: a lower-case fragment, identifiers in backticks.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
}

impl Finding {
    /// It is as it should be.
    pub fn good(aspect: &'static str, message: impl Into<String>) -> Self {
        Self { aspect, health: Health::Good, message: message.into(), help: None }
    }

    /// It is odd, but stops nothing.
    pub fn odd(aspect: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { aspect, health: Health::Odd, message: message.into(), help: Some(help.into()) }
    }

    /// It is wrong.
    pub fn bad(aspect: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { aspect, health: Health::Bad, message: message.into(), help: Some(help.into()) }
    }

    /// Things that were not looked at, because another one is wrong.
    pub fn unknown(
        aspects: impl IntoIterator<Item = &'static str>,
        because: &str,
    ) -> impl Iterator<Item = Self> {
        let message = format!("not looked at: `{because}` failed");
        let unknown =
            move |aspect| Self { aspect, health: Health::Unknown, message: message.clone(), help: None };
        aspects.into_iter().map(unknown)
    }
}
