//! The answers to what was sent, while they are read.

use super::super::errors::ServerError;
use super::answer::Answer;

/// Which rows of an answer are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    All,
    None,
}

/// What was read so far.
pub(super) struct Reading {
    pub(super) keep: Keep,
    /// How many statements were sent.
    pub(super) expected: usize,
    pub(super) answers: Vec<Answer>,
    pub(super) current: Answer,
    pub(super) error: Option<(ServerError, usize)>,
    pub(super) refused: Option<String>,
}

/// What a message means for the reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    Going,
    /// A statement is over, or its portal suspended.
    Ended,
    Error,
    Ready,
}

impl Reading {
    pub(super) fn new(keep: Keep, expected: usize) -> Self {
        Self { keep, expected, answers: Vec::new(), current: Answer::default(), error: None, refused: None }
    }

    pub(super) fn ends(&mut self, tag: &str, suspended: bool) {
        let current = std::mem::take(&mut self.current);
        self.answers.push(Answer { tag: tag.to_owned(), suspended, ..current });
    }

    pub(super) fn refuses_copy(&mut self) {
        let why = "`COPY .. FROM STDIN` and `COPY .. TO STDOUT` are refused: a change has no standard input and output; \
                   use `INSERT`, which takes many rows at once";
        self.refused.get_or_insert_with(|| why.to_owned());
    }
}
