//! A change whose description takes memory without end.

mod support;

support::bare_change!(|| -> sandpiper_sdk::bindings::types::ChangeInfo {
    let mut blocks = Vec::new();
    loop {
        blocks.push(std::hint::black_box(vec![1_u8; 8 << 20]));
    }
});
