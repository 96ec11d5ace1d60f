//! What a host is told of the calls that a guest makes through its handles.

use crate::support::{Attempt, guest};

#[test]
fn every_call_is_told_in_its_order_with_what_came_of_it() {
    let attempt = Attempt::case("normal");
    let ended = attempt.run();
    let calls = attempt.host.calls();
    assert_eq!(ended.calls, calls.len() as u64, "{calls:?}");
    ended.done();
    assert!(calls[0].starts_with("sql execute CREATE TABLE IF NOT EXISTS guest_rows"), "{calls:?}");
    assert!(calls[0].ends_with("Parameters([]) Ok(Rows(1))"), "{calls:?}");
    assert!(calls[1].contains("(?, ?) Parameters([Integer(1), Text(\"first\")]) Ok(Rows("), "{calls:?}");
    let query = "SELECT count(*) FROM guest_rows";
    assert_eq!(calls[3], format!("sql query {query} Parameters([]) Ok(Done)"));
    assert!(calls[4].starts_with(&format!("sql next {query} Nothing Ok(Rows(1))")), "{calls:?}");
}

#[test]
fn a_call_that_was_refused_is_told_with_its_error() {
    let attempt = Attempt::case("refused");
    let ended = attempt.run();
    let calls = attempt.host.calls();
    assert_eq!(ended.calls, calls.len() as u64);
    ended.error();
    assert!(calls.iter().any(|call| call.contains("Err(\"")), "{calls:?}");
}

#[test]
fn a_call_after_the_end_of_the_transaction_is_told_too() {
    let attempt = Attempt::case("swallow").variable("sql", "COMMIT");
    let ended = attempt.run();
    let calls = attempt.host.calls();
    assert_eq!(ended.calls, calls.len() as u64, "{calls:?}");
    assert!(calls.iter().any(|call| call.contains("the transaction was ended")), "{calls:?}");
}

#[test]
fn a_call_to_a_further_system_carries_its_name() {
    let mut attempt = Attempt::new(guest("uses"));
    attempt.context.uses = ["first", "second"].map(str::to_owned).to_vec();
    attempt.run().done();
    let calls = attempt.host.calls();
    assert_eq!(calls[0], "second:sql open second Nothing Ok(Done)");
    assert!(calls.iter().any(|call| call.starts_with("second:sql query SELECT id, note")), "{calls:?}");
    assert!(calls.iter().any(|call| call.starts_with("sql execute CREATE TABLE")), "{calls:?}");
}

#[test]
fn a_system_that_cannot_be_opened_is_told() {
    let mut attempt = Attempt::case("open").variable("system", "third");
    attempt.context.uses.push("third".to_owned());
    let ended = attempt.run();
    let calls = attempt.host.calls();
    assert_eq!(ended.calls, calls.len() as u64, "{calls:?}");
    assert!(calls[0].contains("open third") && calls[0].contains("there is no such system"), "{calls:?}");
}

#[test]
fn a_request_is_told_with_its_line_its_body_and_its_answer() {
    let case = |name: &str| {
        Attempt { api: Some(Default::default()), ..Attempt::new(guest("http")) }.variable("case", name)
    };
    let attempt = case("normal");
    attempt.run().done();
    let calls = attempt.host.calls();
    assert!(calls[0].starts_with("http send POST items Body(["), "{calls:?}");
    assert!(calls[0].contains("Ok(Response { status: 2"), "{calls:?}");
    let attempt = case("get").variable("path", "items/1");
    attempt.run().done();
    assert!(
        attempt.host.calls()[0].starts_with("http send GET items/1?q=a b&c=d Nothing"),
        "{:?}",
        attempt.host.calls()
    );
}
