//! A change whose description opens a system and prints; it has the right to neither.

mod support;

use sandpiper_sdk::bindings::types::ChangeInfo;
use sandpiper_sdk::sql::Connection;

support::bare_change!(|| {
    println!("printed by describe");
    let opened = match Connection::open("target") {
        Ok(_) => "opened".to_owned(),
        Err(error) => error.to_string(),
    };
    ChangeInfo { description: Some(opened), ..support::info() }
});
