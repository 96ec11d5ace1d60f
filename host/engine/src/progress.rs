//! How far a `direct` change is, step by step: what is done, what was taken back, and what nobody can know.
//!
//! A change goes on after what is certainly there, and never over what is not known: [`goes_on_without_a_word`] is that
//! rule, and [`Progress`] what a person is told.

use crate::digest::Digest;

/// How far a step of a `direct` change is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepMark {
    /// Which, counted from 0.
    pub step: u32,
    /// The digest of its payload.
    pub payload: Digest,
    /// How many of its statements were certainly finished.
    pub finished: u32,
    /// The statement, counted from 1, that was sent and of which nothing more is known.
    pub doubtful: Option<u32>,
    /// The digest of the finished statements: each one's, together with the digest of those before.
    pub statements: Digest,
    /// Whether the step was finished as a whole.
    pub complete: bool,
    /// How far it was taken back, if that was begun since.
    pub rollback: Option<RollbackMark>,
}

/// How far a step was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RollbackMark {
    /// How many statements of its rollback are certainly finished.
    pub finished: u32,
    /// The statement, counted from 1, that was sent and of which nothing more is known.
    pub doubtful: Option<u32>,
    /// Whether the rollback is finished as a whole: then nothing of the step is there.
    pub complete: bool,
}

impl RollbackMark {
    /// Whether it is known to have changed nothing: none of it was done, and none is in doubt.
    fn is_untouched(self) -> bool {
        !self.complete && self.finished == 0 && self.doubtful.is_none()
    }
}

/// What is there of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Nothing: it was not begun, or did nothing.
    Absent,
    /// Its first statements, and no other.
    Begun,
    /// All of it.
    Done,
    /// Nothing: it was taken back.
    Undone,
    /// Its first statements, and perhaps the one after them.
    InDoubt,
    /// Nobody can say: it was taken back in part.
    TakenBackInPart,
}

impl StepMark {
    /// A step of which nothing is finished.
    pub fn begin(step: u32, payload: Digest) -> Self {
        Self {
            step,
            payload,
            finished: 0,
            doubtful: None,
            statements: Digest::ZERO,
            complete: false,
            rollback: None,
        }
    }

    /// What is there of it.
    pub fn standing(&self) -> Standing {
        match self.rollback {
            Some(RollbackMark { complete: true, .. }) => Standing::Undone,
            Some(rollback) if !rollback.is_untouched() => Standing::TakenBackInPart,
            _ if self.doubtful.is_some() => Standing::InDoubt,
            _ if self.complete => Standing::Done,
            _ if self.finished > 0 => Standing::Begun,
            _ => Standing::Absent,
        }
    }

    /// Whether the step is certainly there as a whole.
    pub fn is_done(&self) -> bool {
        self.standing() == Standing::Done
    }

    /// Whether anything of it may be there: then its rollback is called.
    pub fn may_be_there(&self) -> bool {
        !matches!(self.standing(), Standing::Absent | Standing::Undone)
    }

    /// The mark from which the step goes on when it is applied once more: after its finished statements, where those
    /// still stand; else from its beginning.
    pub fn goes_on(&self) -> Self {
        match self.standing() {
            Standing::Undone | Standing::TakenBackInPart => Self::begin(self.step, self.payload),
            _ => Self { doubtful: None, rollback: None, ..self.clone() },
        }
    }

    /// Taking it back begins; an earlier try to do so counts no more.
    pub fn is_taken_back(&mut self) {
        self.rollback = Some(RollbackMark::default());
    }

    /// How many statements are certainly finished of what is under way: its rollback, once that was begun.
    pub fn finished_now(&self) -> u32 {
        self.rollback.map_or(self.finished, |rollback| rollback.finished)
    }

    /// A statement of what is under way is sent.
    pub fn sends(&mut self, number: u32) {
        match &mut self.rollback {
            Some(rollback) => rollback.doubtful = Some(number),
            None => self.doubtful = Some(number),
        }
    }

    /// What was sent did nothing. Gives whether anything had been in doubt.
    pub fn is_refused(&mut self) -> bool {
        match &mut self.rollback {
            Some(rollback) => rollback.doubtful.take().is_some(),
            None => self.doubtful.take().is_some(),
        }
    }

    /// One more statement of what is under way is finished.
    pub fn finishes(&mut self, statement: Digest) {
        match &mut self.rollback {
            Some(rollback) => {
                rollback.finished += 1;
                rollback.doubtful = None;
            }
            None => {
                self.finished += 1;
                self.doubtful = None;
                self.statements = Digest::of_parts(&[self.statements.as_bytes(), statement.as_bytes()]);
            }
        }
    }

    /// What is under way is finished as a whole.
    pub fn completes(&mut self) {
        match &mut self.rollback {
            Some(rollback) => {
                rollback.complete = true;
                rollback.doubtful = None;
            }
            None => {
                self.complete = true;
                self.doubtful = None;
            }
        }
    }
}

/// Whether a person may let a change go on without saying after which step: then it is known of every step whether it
/// is there. A statement that is in doubt is sent again, for that person has looked; what was taken back in part is
/// no such statement: which of the finished ones still stand nobody can say.
///
/// # Errors
///
/// The number of the first step that was taken back in part, counted from 1.
pub fn goes_on_without_a_word(marks: &[StepMark]) -> Result<(), u32> {
    match marks.iter().find(|mark| mark.standing() == Standing::TakenBackInPart) {
        Some(mark) => Err(mark.step + 1),
        None => Ok(()),
    }
}

/// Whether a change that goes on does not simply begin anew: something of it certainly is there.
pub fn is_under_way(marks: &[StepMark]) -> bool {
    marks.iter().any(|mark| matches!(mark.goes_on().standing(), Standing::Done | Standing::Begun))
}

/// What is known of the steps of a change, for people: counted from 1. Of a change with one part the steps are its
/// statements.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Whether the steps are the statements of one part.
    pub is_one_part: bool,
    /// The last one that is certainly done, and was not taken back. Of an undo of one part the last finished statement
    /// of its rollback.
    pub last_step: Option<u64>,
    /// The first one of which it is not known.
    pub doubtful_step: Option<u64>,
    /// Those that are done and were not taken back; none of one part.
    pub done: Vec<u64>,
    /// Those that were taken back; none of one part.
    pub undone: Vec<u64>,
    /// Those that are there in part, or perhaps; none of one part.
    pub doubtful: Vec<u64>,
    /// Of one part how many statements were finished, whatever was taken back of them since.
    pub ran: u64,
    /// Of one part the last statement of its rollback that is certainly done.
    pub rollback_last_step: Option<u64>,
    /// Of one part the statement of its rollback of which it is not known.
    pub rollback_doubtful_step: Option<u64>,
    /// Whether the rollback of one part was begun, and is not known to have done nothing.
    pub is_taken_back_in_part: bool,
}

impl Progress {
    /// What the marks of a change say. `is_undo`: the last that was tried was to take an applied change back.
    pub fn new(marks: &[StepMark], is_one_part: bool, is_undo: bool) -> Self {
        match marks {
            [only] if is_one_part => Self::of_one_part(only, is_undo),
            marks => Self::of_steps(marks, is_undo),
        }
    }

    fn of_one_part(mark: &StepMark, is_undo: bool) -> Self {
        let some = |number: u32| (number > 0).then_some(u64::from(number));
        let rollback = mark.rollback.unwrap_or_default();
        let is_taken_back_in_part = matches!(mark.standing(), Standing::TakenBackInPart | Standing::Undone);
        let back = (some(rollback.finished), rollback.doubtful.map(u64::from));
        let (last_step, doubtful_step) = match (is_undo, is_taken_back_in_part) {
            (true, _) => back,
            // Which of the finished statements still stand nobody can say.
            (false, true) => (None, None),
            (false, false) => (some(mark.finished), mark.doubtful.map(u64::from)),
        };
        Self {
            is_one_part: true,
            last_step,
            doubtful_step,
            ran: u64::from(mark.finished),
            rollback_last_step: back.0,
            rollback_doubtful_step: back.1,
            is_taken_back_in_part,
            ..Self::default()
        }
    }

    fn of_steps(marks: &[StepMark], is_undo: bool) -> Self {
        // What an undo tried to take back, and could not, is not as it was applied.
        let standing = |mark: &StepMark| match (mark.standing(), mark.rollback) {
            (Standing::Done, Some(_)) if is_undo => Standing::TakenBackInPart,
            (standing, _) => standing,
        };
        let those = |is: fn(Standing) -> bool| -> Vec<u64> {
            marks.iter().filter(|mark| is(standing(mark))).map(|mark| u64::from(mark.step) + 1).collect()
        };
        let done = those(|standing| standing == Standing::Done);
        let doubtful = those(|standing| {
            matches!(standing, Standing::Begun | Standing::InDoubt | Standing::TakenBackInPart)
        });
        Self {
            last_step: done.iter().copied().max(),
            doubtful_step: doubtful.first().copied(),
            undone: those(|standing| standing == Standing::Undone),
            done,
            doubtful,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(step: u32, finished: u32, complete: bool) -> StepMark {
        StepMark { finished, complete, ..StepMark::begin(step, Digest::ZERO) }
    }

    fn back(mark: StepMark, finished: u32, doubtful: Option<u32>, complete: bool) -> StepMark {
        StepMark { rollback: Some(RollbackMark { finished, doubtful, complete }), ..mark }
    }

    #[test]
    fn what_is_there_of_a_step_follows_from_what_ran_and_what_took_it_back() {
        let done = || mark(0, 2, true);
        for (mark, standing) in [
            (mark(0, 0, false), Standing::Absent),
            (mark(0, 1, false), Standing::Begun),
            (done(), Standing::Done),
            (StepMark { doubtful: Some(2), ..mark(0, 1, false) }, Standing::InDoubt),
            (back(done(), 0, None, false), Standing::Done),
            (back(mark(0, 1, false), 0, None, false), Standing::Begun),
            (back(done(), 1, None, false), Standing::TakenBackInPart),
            (back(done(), 0, Some(1), false), Standing::TakenBackInPart),
            (back(done(), 2, None, true), Standing::Undone),
            (back(mark(0, 1, false), 2, None, true), Standing::Undone),
        ] {
            assert_eq!(mark.standing(), standing, "{mark:?}");
        }
    }

    #[test]
    fn a_step_goes_on_after_what_stands_and_begins_anew_once_it_was_taken_back() {
        assert_eq!(mark(0, 2, false).goes_on(), mark(0, 2, false));
        assert_eq!(StepMark { doubtful: Some(3), ..mark(0, 2, false) }.goes_on(), mark(0, 2, false));
        assert_eq!(back(mark(0, 2, true), 0, None, false).goes_on(), mark(0, 2, true));
        for taken_back in [back(mark(0, 2, true), 1, None, false), back(mark(0, 2, true), 1, None, true)] {
            assert_eq!(taken_back.goes_on(), mark(0, 0, false));
        }
    }

    #[test]
    fn nothing_goes_on_without_a_word_over_what_was_taken_back_in_part() {
        assert_eq!(goes_on_without_a_word(&[mark(0, 2, false)]), Ok(()));
        assert_eq!(goes_on_without_a_word(&[StepMark { doubtful: Some(3), ..mark(0, 2, false) }]), Ok(()));
        let hole = [back(mark(0, 1, true), 1, None, true), back(mark(1, 1, true), 0, None, false)];
        assert_eq!(goes_on_without_a_word(&hole), Ok(()), "each step is there, or is not");
        let half = [mark(0, 1, true), back(mark(1, 1, true), 1, None, false)];
        assert_eq!(goes_on_without_a_word(&half), Err(2));
        assert_eq!(goes_on_without_a_word(&[back(mark(0, 3, false), 0, Some(1), false)]), Err(1));
    }

    #[test]
    fn what_was_taken_back_is_not_under_way() {
        assert!(is_under_way(&[mark(0, 1, false)]));
        assert!(is_under_way(&[back(mark(0, 1, true), 1, None, true), mark(1, 1, true)]));
        assert!(!is_under_way(&[mark(0, 0, false)]));
        assert!(!is_under_way(&[back(mark(0, 2, false), 1, None, false)]));
    }

    /// Every way of a step through its statements and those of its rollback, each stopped anywhere: what is said of it
    /// is what a database would show.
    #[test]
    fn wherever_a_step_or_its_rollback_stops_what_is_said_of_it_is_so() {
        for (statements, rollbacks) in [(1, 1), (2, 3), (3, 2)] {
            for stop in 0..=2 * statements + 1 {
                let mut step = mark(0, 0, false);
                let certain = goes(&mut step, statements, stop);
                assert_eq!(step.finished, certain);
                let all = stop > 2 * statements;
                let expected = match (all, stop % 2, certain) {
                    (true, ..) => Standing::Done,
                    (_, 1, _) => Standing::InDoubt,
                    (_, _, 0) => Standing::Absent,
                    _ => Standing::Begun,
                };
                assert_eq!(step.standing(), expected);
                for stop in 0..=2 * rollbacks + 1 {
                    let mut step = step.clone();
                    step.is_taken_back();
                    goes(&mut step, rollbacks, stop);
                    let expected = match stop {
                        0 => expected,
                        _ if stop > 2 * rollbacks => Standing::Undone,
                        _ => Standing::TakenBackInPart,
                    };
                    assert_eq!(step.standing(), expected, "{step:?}");
                    let may_go_on = goes_on_without_a_word(std::slice::from_ref(&step)).is_ok();
                    assert_eq!(may_go_on, expected != Standing::TakenBackInPart);
                    if may_go_on && expected == Standing::Undone {
                        assert_eq!(step.goes_on().finished, 0, "what was taken back runs again, all of it");
                    }
                }
            }
        }
    }

    /// Sends statements until it is stopped, which is before or after one is sent, or after all; gives how many are
    /// certainly finished.
    fn goes(step: &mut StepMark, statements: u32, stop: u32) -> u32 {
        let mut certain = 0;
        for number in 1..=statements {
            if stop + 1 < 2 * number {
                return certain;
            }
            step.sends(number);
            if stop < 2 * number {
                return certain;
            }
            step.finishes(Digest::ZERO);
            certain += 1;
        }
        if stop > 2 * statements {
            step.completes();
        }
        certain
    }

    #[test]
    fn the_statements_of_one_part_are_counted_also_when_all_are_finished() {
        let told = |mark: StepMark, is_undo| {
            let progress = Progress::new(&[mark], true, is_undo);
            (progress.last_step, progress.doubtful_step)
        };
        assert_eq!(Progress::new(&[], true, false), Progress::default());
        assert_eq!(told(StepMark { doubtful: Some(2), ..mark(0, 1, false) }, false), (Some(1), Some(2)));
        assert_eq!(told(mark(0, 3, true), false), (Some(3), None));
        assert_eq!(told(back(mark(0, 3, true), 2, Some(3), false), true), (Some(2), Some(3)));
    }

    #[test]
    fn of_one_part_that_was_taken_back_in_part_none_is_said_to_be_done() {
        let progress = Progress::new(&[back(mark(0, 2, false), 1, None, false)], true, false);
        assert_eq!((progress.last_step, progress.rollback_last_step), (None, Some(1)));
        assert!(progress.is_taken_back_in_part && progress.ran == 2);
        let untouched = Progress::new(&[back(mark(0, 2, false), 0, None, false)], true, false);
        assert_eq!((untouched.last_step, untouched.is_taken_back_in_part), (Some(2), false));
    }

    #[test]
    fn of_several_steps_each_is_done_taken_back_or_in_doubt() {
        let marks = [
            back(mark(0, 1, true), 1, None, true),
            back(mark(1, 1, true), 0, None, false),
            back(mark(2, 1, true), 1, None, false),
            mark(3, 1, false),
            mark(4, 0, false),
        ];
        let progress = Progress::new(&marks, false, false);
        assert_eq!((progress.done, progress.undone, progress.doubtful), (vec![2], vec![1], vec![3, 4]));
        assert_eq!((progress.last_step, progress.doubtful_step), (Some(2), Some(3)));
        let undo = Progress::new(&marks, false, true);
        assert_eq!((undo.done, undo.doubtful_step), (vec![], Some(2)), "it could not be taken back");
    }
}
