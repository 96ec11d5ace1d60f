//! What a person is told of a change that needs one: what is there of it, and what to say next.

use sandpiper_engine::entry::{Entry, State};
use sandpiper_engine::progress::{Progress, StepMark, goes_on_without_a_word};
use sandpiper_engine::recovery::Settled;
use sandpiper_engine::scope::SystemName;

/// What is known of a change that needs a person.
pub(super) struct Told {
    pub(super) progress: Progress,
    is_undo: bool,
    is_edited: bool,
    /// Whether it may go on without a word about the step after which.
    goes_on: bool,
}

impl Told {
    pub(super) fn new(
        answer: Option<&Settled>,
        newest: &Entry,
        marks: &[StepMark],
        is_one_part: bool,
    ) -> Self {
        let is_undo = matches!(newest.record.state, Some(State::Undoing | State::UndoFailed));
        let is_edited = answer == Some(&Settled::Edited);
        let progress = Progress::new(marks, is_one_part, is_undo);
        let goes_on = !is_undo
            && !is_edited
            && (progress.last_step.is_some() || !progress.done.is_empty())
            && goes_on_without_a_word(marks).is_ok();
        Self { progress, is_undo, is_edited, goes_on }
    }

    /// What is known of its steps, in words; nothing of one that has none.
    pub(super) fn steps(&self) -> Option<String> {
        if self.progress.is_one_part { self.one_part() } else { self.several() }
    }

    fn one_part(&self) -> Option<String> {
        let progress = &self.progress;
        let back = match (progress.rollback_last_step, progress.rollback_doubtful_step) {
            (None, None) if progress.is_taken_back_in_part => "all of its rollback is done".to_owned(),
            (None, None) if self.is_undo => {
                return Some("no statement of its rollback is done: all of it is still there".to_owned());
            }
            (last, doubtful) => format!("of its rollback {}", counted(last, doubtful)),
        };
        if self.is_undo {
            return Some(back);
        }
        if progress.is_taken_back_in_part {
            let ran = match progress.ran {
                0 => "what there was of it was done".to_owned(),
                1 => "step 1 was done".to_owned(),
                ran => format!("steps 1 to {ran} were done"),
            };
            return Some(format!(
                "{ran}, and then taken back in part: {back}; nobody can say what of it still stands"
            ));
        }
        match (progress.last_step, progress.doubtful_step) {
            (None, None) => None,
            (last, doubtful) => Some(counted(last, doubtful)),
        }
    }

    fn several(&self) -> Option<String> {
        let Progress { done, undone, doubtful, .. } = &self.progress;
        let mut parts = Vec::new();
        parts.extend(match self.is_undo {
            true => named(done, "is not taken back", "are not taken back"),
            false => named(done, "is done", "are done"),
        });
        parts.extend(named(undone, "was taken back", "were taken back"));
        parts.extend(named(doubtful, "is in doubt", "are in doubt"));
        let nothing_else = !parts.is_empty() && !self.is_undo;
        let text = parts.join("; ");
        match (parts.is_empty(), nothing_else && doubtful.is_empty()) {
            (true, _) => None,
            (false, true) => Some(format!("{text}; nothing of any other is there")),
            (false, false) => Some(text),
        }
    }

    /// What to do next.
    pub(super) fn help(&self, id: &str, system: &SystemName) -> String {
        if self.is_undo { self.help_of_undo(id, system) } else { self.help_of_apply(id, system) }
    }

    fn help_of_apply(&self, id: &str, system: &SystemName) -> String {
        let go_on = match (self.goes_on, self.progress.is_one_part, self.is_edited) {
            (true, true, _) => {
                format!(
                    " Shall it go on where it stopped? `sandpiper issue resolve {id} --resume --reason ..`"
                )
            }
            (true, false, _) => format!(
                " Shall what is not done be applied, in order? `sandpiper issue resolve {id} --resume --reason ..`"
            ),
            (false, _, true) => format!(
                " What is finished of it was edited since: put that part of the file back as it was, or say how much of \
                 the file as it is now stands: `sandpiper issue resolve {id} --resume --after N --reason ..`"
            ),
            (false, ..) if self.says_steps() => format!(
                " Do its first N steps stand, and nothing else? `sandpiper issue resolve {id} --resume --after N --reason ..`"
            ),
            (false, ..) => String::new(),
        };
        format!(
            "look at `{system}`. Is the change there? `sandpiper issue resolve {id} --applied --reason ..`. Is nothing of \
             it there, or did you take it back? `sandpiper issue resolve {id} --rolled-back --reason ..`; the next run \
             applies it again.{go_on}",
        )
    }

    fn help_of_undo(&self, id: &str, system: &SystemName) -> String {
        let Progress { done, doubtful, .. } = &self.progress;
        let left: Vec<String> = [
            named(done, "is not taken back", "are not taken back"),
            named(doubtful, "is not taken back as a whole", "are not taken back as a whole"),
        ]
        .into_iter()
        .flatten()
        .map(|left| format!(" {}.", left.replacen("step", "Step", 1)))
        .collect();
        format!(
            "its undo went wrong: look at `{system}`.{} Is nothing of it left, or did you take the rest back? \
             `sandpiper issue resolve {id} --rolled-back --reason ..`; the next run applies it again. Is all of it there, \
             or did you put it back? `sandpiper issue resolve {id} --applied --reason ..`; then it can be undone again.",
            left.concat(),
        )
    }

    /// Whether it has steps of which a person can name one.
    fn says_steps(&self) -> bool {
        self.progress.is_taken_back_in_part || !self.progress.doubtful.is_empty()
    }
}

/// What is known of statements: the last that is done, and the one in doubt.
fn counted(last: Option<u64>, doubtful: Option<u64>) -> String {
    match (last, doubtful) {
        (None, Some(doubtful)) => format!("no step is certainly done; step {doubtful} is in doubt"),
        (Some(last), Some(doubtful)) => format!("step {last} is done; step {doubtful} is in doubt"),
        (Some(last), None) => format!("step {last} is done; nothing of a later one is"),
        (None, None) => "no step is done".to_owned(),
    }
}

/// Steps by their numbers, and what is said of them.
fn named(steps: &[u64], one: &str, several: &str) -> Option<String> {
    let numbers: Vec<String> = steps.iter().map(u64::to_string).collect();
    match numbers.as_slice() {
        [] => None,
        [only] => Some(format!("step {only} {one}")),
        [first @ .., last] => Some(format!("steps {} and {last} {several}", first.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(progress: Progress, is_undo: bool, goes_on: bool) -> Told {
        Told { progress, is_undo, is_edited: false, goes_on }
    }

    #[test]
    fn of_several_steps_each_is_named_and_what_is_left_out_is_not_there() {
        let progress = Progress { done: vec![2], undone: vec![1], last_step: Some(2), ..Progress::default() };
        let it = told(progress, false, true);
        let expected = "step 2 is done; step 1 was taken back; nothing of any other is there";
        assert_eq!(it.steps().as_deref(), Some(expected));
        assert!(it.help("a", &"db".into()).contains("--resume --reason"));
        let progress = Progress { undone: vec![1, 3], doubtful: vec![2], ..Progress::default() };
        let it = told(progress, true, false);
        assert_eq!(it.steps().as_deref(), Some("steps 1 and 3 were taken back; step 2 is in doubt"));
    }

    #[test]
    fn one_part_that_was_taken_back_in_part_is_not_said_to_be_done() {
        let progress = Progress {
            is_one_part: true,
            ran: 2,
            rollback_last_step: Some(1),
            is_taken_back_in_part: true,
            ..Progress::default()
        };
        let it = told(progress, false, false);
        let steps = it.steps().unwrap();
        assert!(steps.contains("taken back in part: of its rollback step 1 is done"), "{steps}");
        let help = it.help("a", &"db".into());
        assert!(help.contains("--resume --after N") && !help.contains("--resume --reason"), "{help}");
    }
}
