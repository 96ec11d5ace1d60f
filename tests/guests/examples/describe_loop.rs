//! A change whose description never ends.

mod support;

support::bare_change!(|| -> sandpiper_sdk::bindings::types::ChangeInfo {
    let mut number: u64 = 0;
    loop {
        number = std::hint::black_box(number.wrapping_add(1));
    }
});
