//! A lease is decided by the clock of MariaDB, not by that of any host.

use sandpiper_tests::{Clocks, DAY, MariaDb};

use crate::{LOCK, configuration};

fn go_by_the_servers(holder: i64, other: i64) {
    let database = MariaDb::shared().database();
    let configuration = configuration("store: target\n", &database.url()).replace(LOCK, "");
    Clocks::new(&configuration, "SLEEP(4)").go_by_the_servers(holder, other);
}

#[test]
fn a_lease_lasts_as_long_by_the_servers_clock_where_its_holders_is_ahead_and_anothers_behind() {
    go_by_the_servers(DAY, -DAY);
}

#[test]
fn a_lease_lasts_as_long_by_the_servers_clock_where_its_holders_is_behind_and_anothers_ahead() {
    go_by_the_servers(-DAY, DAY);
}
