//! For authors of templates: a step of a change written as data, and what a template says of it.

/// What a step is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// To apply it.
    Apply,
    /// To take it back.
    Rollback,
    /// To find out whether it is applied.
    Verify,
}

/// One step of a change written as data, as the host gives it to a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    action: Action,
    index: u32,
    target_kind: String,
    configuration: String,
    payload: String,
    finished_statements: u32,
}

impl Step {
    /// A step as a test needs it: the first of a change on a system of the kind `sqlite`, without configuration.
    pub fn new(action: Action, payload: impl Into<String>) -> Self {
        Self {
            action,
            index: 0,
            target_kind: "sqlite".to_owned(),
            configuration: "null".to_owned(),
            payload: payload.into(),
            finished_statements: 0,
        }
    }

    /// The same on a system of another kind: `postgres`, `mysql`, `http`.
    #[must_use]
    pub fn on(self, target_kind: impl Into<String>) -> Self {
        Self { target_kind: target_kind.into(), ..self }
    }

    /// The same with a configuration, as JSON.
    #[must_use]
    pub fn configured(self, configuration: impl Into<String>) -> Self {
        Self { configuration: configuration.into(), ..self }
    }

    /// What it is run for.
    pub fn action(&self) -> Action {
        self.action
    }

    /// Which step of its change it is, counted from 0.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The kind of the target system: `sqlite`, `postgres`, `mysql`, `http`.
    pub fn target_kind(&self) -> &str {
        &self.target_kind
    }

    /// The `configuration` of the change as JSON; `null` when it has none.
    pub fn configuration(&self) -> &str {
        &self.configuration
    }

    /// What the file says of the step, as JSON that fits the template's schema.
    pub fn payload(&self) -> &str {
        &self.payload
    }

    /// Statements of this step that an earlier attempt finished, outside of a transaction: go on after them.
    pub fn finished_statements(&self) -> u32 {
        self.finished_statements
    }
}

/// Something that is wrong with a step. The host turns its place into a file, line and column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pointer: String,
    offset: Option<u32>,
    message: String,
    help: Option<String>,
}

impl Problem {
    /// Something that is wrong with what a JSON pointer into the payload refers to: `/rows/0/name`; empty, the whole.
    pub fn at(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), offset: None, message: message.into(), help: None }
    }

    /// So many bytes into the text that stands there.
    #[must_use]
    pub fn offset(self, bytes: u32) -> Self {
        Self { offset: Some(bytes), ..self }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// What a template says of a step before anything runs. By default: nothing is wrong, and it fits a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    problems: Vec<Problem>,
    transactional: bool,
}

impl Default for Assessment {
    fn default() -> Self {
        Self { problems: Vec::new(), transactional: true }
    }
}

impl From<Vec<Problem>> for Assessment {
    fn from(problems: Vec<Problem>) -> Self {
        Self { problems, ..Self::default() }
    }
}

impl Assessment {
    /// The same of a step that cannot run inside a transaction.
    #[must_use]
    pub fn outside_of_transactions(self) -> Self {
        Self { transactional: false, ..self }
    }

    /// What is wrong.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

/// What `#[template]` writes refers to it. No part of the public interface: it changes with the macro.
#[doc(hidden)]
pub mod glue {
    use super::{Action, Assessment, Problem, Step};

    /// A step as the contract has it.
    #[derive(Debug)]
    pub struct Handed {
        pub action: Action,
        pub index: u32,
        pub target_kind: String,
        pub configuration: String,
        pub payload: String,
        pub finished_statements: u32,
    }

    impl From<Handed> for Step {
        fn from(handed: Handed) -> Self {
            let Handed { action, index, target_kind, configuration, payload, finished_statements } = handed;
            Self { action, index, target_kind, configuration, payload, finished_statements }
        }
    }

    /// A problem as the contract has it.
    #[derive(Debug)]
    pub struct Told {
        pub pointer: String,
        pub offset: Option<u32>,
        pub message: String,
        pub help: Option<String>,
    }

    /// What is wrong with a step, and whether it fits a transaction.
    pub fn told(assessment: Assessment) -> (Vec<Told>, bool) {
        let told = |Problem { pointer, offset, message, help }| Told { pointer, offset, message, help };
        (assessment.problems.into_iter().map(told).collect(), assessment.transactional)
    }
}
