//! The rules that every audit store and every target system keeps, as tests that can be run against any of them: our
//! own, and those of others.
//!
//! Whoever writes a backend says with [`StorePlace`], [`TargetPlace`] and [`http::ApiPlace`] how a fresh place is made, and lets a macro
//! make one test of each rule:
//!
//! ```ignore
//! mod store { sandpiper::store_conformance!(crate::my_store_place); }
//! mod target { sandpiper::target_conformance!(crate::my_target_place); }
//! mod sql { sandpiper::sql_conformance!(crate::my_target_place); }
//! mod http { sandpiper::http_conformance!(crate::my_api_place); }
//! ```
//!
//! A rule that is broken panics, in words.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "these are tests, which a library holds so that others can run them"
)]

mod facts;
pub mod http;
pub mod sql;
pub mod store;
pub mod store_faults;
pub mod target;

use std::sync::Arc;

use sandpiper_engine::store::Store;
use sandpiper_runtime::sql::Value;
use sandpiper_runtime::target::Target;

/// An empty place in which a store can be made. Everything goes with it when it is dropped.
pub trait StorePlace: Send + Sync {
    /// The store, opened as another host would open it: nothing is shared with one that was opened before.
    fn open(&self) -> Arc<dyn Store>;

    /// Ends every connection to it from outside. False where there are none.
    fn cut_connections(&self) -> bool {
        false
    }

    /// Stops the server at once, as a crash would, and starts it again. False where there is none.
    fn restart(&self) -> bool {
        false
    }

    /// The store behind something that ends the connection when a commit is sent: after passing it on where it
    /// `arrives`, else instead. None where there is no connection.
    fn losing_commits(&self, _arrives: bool) -> Option<Arc<dyn Store>> {
        None
    }

    /// Lets the server refuse every further entry of the change `b`, or no longer. False where it cannot.
    fn refuse_entries(&self, _refuse: bool) -> bool {
        false
    }
}

/// An empty place in which a target system, of the capability `sql` and with transactions, is found.
pub trait TargetPlace: Send + Sync {
    /// The target system, apart from any store, opened as another host would open it.
    fn open(&self) -> Arc<dyn Target>;

    /// The rows of a query, without the target system under test; columns joined by `|`.
    fn rows(&self, query: &str) -> Vec<String>;

    /// Statements that each dialect writes in its own way.
    fn words(&self) -> Words;

    /// Ends every connection to it from outside. False where there are none.
    fn cut_connections(&self) -> bool {
        false
    }

    /// Stops the server at once, as a crash would, and starts it again. False where there is none.
    fn restart(&self) -> bool {
        false
    }

    /// The target system behind something that ends the connection when a commit is sent: after passing it on where it
    /// `arrives`, else instead. None where there is no connection.
    fn losing_commits(&self, _arrives: bool) -> Option<Arc<dyn Target>> {
        None
    }
}

/// Statements that each dialect writes in its own way.
pub struct Words {
    /// A query that takes longer than anyone waits.
    pub endless: &'static str,
    /// A query that gives the numbers from 1 to 10000, in order.
    pub numbers: &'static str,
    /// How the first parameter of a statement is written.
    pub parameter: &'static str,
    /// A statement that cannot be a part of a transaction.
    pub outside: &'static str,
    /// The code of an error of a unique constraint.
    pub unique: &'static str,
    /// A further fact that such an error tells about the primary key of the table `t`.
    pub unique_fact: (&'static str, &'static str),
    /// What a value becomes that is written into a column of a type and read again.
    pub types: Vec<(&'static str, Value, Value)>,
}

/// Makes a test of each rule for stores. The argument is a function that gives a fresh [`StorePlace`].
#[macro_export]
macro_rules! store_conformance {
    ($place:path) => {
        $crate::conformance_tests!(
            store,
            $place,
            a_place_without_a_store_stays_empty,
            a_sound_store_is_found_sound,
            eight_hosts_make_one_store,
            one_contender_of_a_race_gets_the_lease,
            a_lease_is_held_until_it_is_given_back,
            a_lease_that_ran_out_is_fenced,
            breaking_a_lock_fences_its_holder,
            a_change_cannot_be_started_twice,
            entries_are_appended_all_or_none,
            a_rider_that_is_overtaken_is_dropped_alone,
            the_chain_is_whole_after_concurrent_appends,
            the_order_of_entries_is_not_that_of_clocks,
            entries_are_read_back_as_they_were_appended,
            progress_is_kept_until_its_change_ends,
            a_checkpoint_is_kept_until_its_change_is_undone,
            calls_are_kept_until_they_are_pruned,
            notes_are_entries_that_change_no_state,
            artifacts_and_descriptions_are_kept_by_digest,
            a_hundred_thousand_entries_are_one_chain
        );
    };
}

/// Makes a test of each rule for stores on servers that are disturbed. The argument is a function that gives a fresh
/// [`StorePlace`].
#[macro_export]
macro_rules! store_faults_conformance {
    ($place:path) => {
        $crate::conformance_tests!(
            store_faults,
            $place,
            an_entry_whose_answer_is_lost_is_appended_once,
            an_entry_that_never_arrives_is_not_told_as_appended,
            cut_connections_cost_no_entry,
            a_server_that_restarts_forgets_nothing,
            a_refused_write_leaves_nothing_of_its_batch
        );
    };
}

/// Makes a test of each rule for target systems. The argument is a function that gives a fresh [`TargetPlace`].
#[macro_export]
macro_rules! target_conformance {
    ($place:path) => {
        $crate::conformance_tests!(
            target,
            $place,
            a_commit_leaves_a_marker_and_a_rollback_none,
            recorded_markers_are_forgotten,
            a_newer_token_keeps_an_older_one_out,
            the_fence_waits_for_a_transaction_that_may_still_commit,
            what_ends_a_transaction_is_refused_in_one,
            what_cannot_run_in_a_transaction_is_possible_in_direct_mode,
            a_transaction_left_open_in_direct_mode_is_taken_back,
            objects_of_the_host_cannot_be_named,
            what_a_session_leaves_behind_does_not_reach_the_next,
            a_session_for_looking_cannot_write,
            a_preview_leaves_nothing_behind,
            a_sound_system_is_found_sound,
            a_connection_that_is_cut_takes_its_transaction_back,
            a_server_that_restarts_takes_its_transactions_back,
            a_commit_whose_answer_is_lost_is_found_by_its_marker,
            a_commit_that_is_lost_is_known_not_to_have_happened
        );
    };
}

/// Makes a test of each rule for the capability `sql`. The argument is a function that gives a fresh [`TargetPlace`].
#[macro_export]
macro_rules! sql_conformance {
    ($place:path) => {
        $crate::conformance_tests!(
            sql,
            $place,
            values_survive_the_way_in_and_out,
            statements_say_how_many_rows_they_affected,
            a_statement_runs_once_for_each_row,
            a_script_runs_every_statement,
            a_query_gives_its_rows_in_batches,
            queries_and_statements_interleave,
            an_error_names_its_code_and_place,
            a_running_statement_can_be_interrupted
        );
    };
}

/// Makes a test of each rule for HTTP APIs. The argument is a function that gives a fresh [`http::ApiPlace`].
#[macro_export]
macro_rules! http_conformance {
    ($place:path) => {
        $crate::conformance_tests!(
            http,
            $place,
            a_request_arrives_as_it_was_asked_for,
            an_answer_comes_back_whole,
            nothing_leaves_the_base_url,
            headers_of_the_host_are_refused,
            redirects_are_not_followed,
            what_was_not_sent_is_told_from_what_was_not_answered,
            a_body_over_the_limit_is_not_read,
            a_session_for_looking_sends_get_and_head_only,
            only_what_may_be_done_twice_is_sent_again,
            a_request_has_its_time,
            a_running_request_can_be_interrupted,
            an_api_has_no_transactions
        );
    };
}

/// Makes a test of each of some rules.
#[macro_export]
#[doc(hidden)]
macro_rules! conformance_tests {
    ($suite:ident, $place:path, $($rule:ident),+) => {
        $(
            #[test]
            fn $rule() {
                $crate::conformance::$suite::$rule(&$place());
            }
        )+
    };
}
