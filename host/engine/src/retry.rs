//! Trying a change again within one run: whether, how often, and after which pause.
//!
//! A change says so itself (`retry:`); none is tried twice in a run without. Every try is an attempt of its own, with
//! its own entries, so that nothing of this changes what a crash in the middle leaves behind.

use std::time::Duration;

use crate::attempt::Conclusion;
use crate::change::Recovery;
use crate::entry::{Mode, State};
use crate::recovery::{Decision, decide};

/// How often a change is tried in one run, and how long is waited between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// So often at most, the first attempt among them.
    pub attempts: u32,
    /// The shortest pause.
    pub least: Duration,
    /// The longest.
    pub most: Duration,
}

/// From which pause on pauses grow, where the shortest is none at all.
const GROWS_FROM: Duration = Duration::from_millis(100);

impl Retry {
    /// Whether a change is tried again after so many attempts of this run, the last of which ended so.
    ///
    /// It has to be one that the recovery table applies again as it is. Then a change whose author promises that
    /// applying it again is safe is tried again after any failure; another one only where the failure is called
    /// transient, and nothing of the attempt is left.
    pub fn again<F>(
        &self,
        tried: u32,
        conclusion: &Conclusion<F>,
        mode: Mode,
        recovery: Recovery,
        is_transient: impl FnOnce(&F) -> bool,
    ) -> bool {
        let (state, recorded, fault) = match conclusion {
            Conclusion::RolledBack(fault) => (State::RolledBack, mode, fault),
            // Outside of a transaction, or one that the change ended itself.
            Conclusion::Failed(fault) => (State::Failed, Mode::Direct, fault),
            Conclusion::RollbackFailed { apply, .. } => (State::RollbackFailed, Mode::Direct, apply),
            Conclusion::Applied
            | Conclusion::Superseded
            | Conclusion::LeaseLost(_)
            | Conclusion::NotStarted(_)
            | Conclusion::Unrecorded(_) => return false,
        };
        tried < self.attempts
            && decide(Some((state, recorded)), recovery) == Decision::Apply
            && (recovery == Recovery::AlwaysRetry || is_transient(fault))
    }

    /// How long is waited after so many attempts: somewhere between the shortest pause and a limit that doubles with
    /// each attempt up to the longest. `chance`, from 0 to 1, says where, so that those who failed together do not
    /// come back together.
    pub fn pause(&self, tried: u32, chance: f64) -> Duration {
        let doubled = 2_u32.saturating_pow(tried.min(31));
        let limit = self.least.max(GROWS_FROM).saturating_mul(doubled).min(self.most);
        self.least + limit.saturating_sub(self.least).mul_f64(chance.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Retry = Retry { attempts: 3, least: Duration::from_secs(1), most: Duration::from_secs(30) };

    fn again(conclusion: &Conclusion<bool>, mode: Mode, recovery: Recovery) -> bool {
        RETRY.again(1, conclusion, mode, recovery, |transient| *transient)
    }

    #[test]
    fn a_transient_failure_without_effect_is_tried_again() {
        for mode in [Mode::Shared, Mode::Marked, Mode::Direct] {
            assert!(again(&Conclusion::RolledBack(true), mode, Recovery::ManualIntervention));
            assert!(!again(&Conclusion::RolledBack(false), mode, Recovery::ManualIntervention));
        }
    }

    #[test]
    fn what_promises_to_bear_it_is_tried_again_after_any_failure() {
        let conclusions = [
            Conclusion::RolledBack(false),
            Conclusion::Failed(false),
            Conclusion::RollbackFailed { apply: false, rollback: false },
        ];
        for conclusion in &conclusions {
            assert!(again(conclusion, Mode::Direct, Recovery::AlwaysRetry), "{conclusion:?}");
        }
    }

    #[test]
    fn what_needs_a_person_is_not_tried_again_however_transient() {
        for conclusion in
            [Conclusion::Failed(true), Conclusion::RollbackFailed { apply: true, rollback: true }]
        {
            assert!(!again(&conclusion, Mode::Direct, Recovery::ManualIntervention), "{conclusion:?}");
        }
    }

    #[test]
    fn what_the_audit_cannot_tell_is_left_to_the_next_run() {
        let others = [
            Conclusion::Applied,
            Conclusion::Superseded,
            Conclusion::LeaseLost(true),
            Conclusion::NotStarted(true),
            Conclusion::Unrecorded(true),
        ];
        for conclusion in &others {
            assert!(!again(conclusion, Mode::Shared, Recovery::AlwaysRetry), "{conclusion:?}");
        }
    }

    #[test]
    fn the_attempts_of_a_run_are_counted() {
        let is_tried = |tried| {
            let failed = Conclusion::RolledBack(true);
            RETRY.again(tried, &failed, Mode::Shared, Recovery::ManualIntervention, |_| true)
        };
        assert_eq!([1, 2, 3, 4].map(is_tried), [true, true, false, false]);
    }

    #[test]
    fn pauses_double_from_the_shortest_to_the_longest() {
        let longest = [1, 2, 3, 4, 5, 6, 1000].map(|tried| RETRY.pause(tried, 1.0).as_secs());
        assert_eq!(longest, [2, 4, 8, 16, 30, 30, 30]);
        assert_eq!([1, 5, 1000].map(|tried| RETRY.pause(tried, 0.0).as_secs()), [1, 1, 1]);
        assert_eq!(RETRY.pause(2, 0.5), Duration::from_millis(2500));
    }

    #[test]
    fn a_pause_may_be_none_or_always_the_same() {
        let fixed = Retry { most: RETRY.least, ..RETRY };
        assert_eq!(fixed.pause(7, 1.0), RETRY.least);
        let none = Retry { least: Duration::ZERO, most: Duration::ZERO, ..RETRY };
        assert_eq!(none.pause(7, 1.0), Duration::ZERO);
        let from_none = Retry { least: Duration::ZERO, ..RETRY };
        assert_eq!(from_none.pause(1, 1.0), Duration::from_millis(200));
    }
}
