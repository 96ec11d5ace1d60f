//! A change whose memory is 512 MiB from the start, twice what the host gives by default.

mod support;

use sandpiper_sdk::bindings::types::Failure;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::sync::Mutex;

const SIZE: usize = 512 << 20;

/// Not initialised, for the compiler takes minutes to fold that many zeros.
static HUGE: Mutex<MaybeUninit<[u8; SIZE]>> = Mutex::new(MaybeUninit::uninit());

support::bare_change!(support::info, |_, _| {
    black_box(&HUGE);
    Err(Failure::Failed(format!("the guest holds {SIZE} bytes")))
});
