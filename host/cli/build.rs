//! How the binary is linked.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Packed relocations take a hundredth of the room, and as much less is read at every start.
    let unpacks = match std::env::var("CARGO_CFG_TARGET_ENV").as_deref() {
        Ok("gnu") => unpacks_relocations(),
        // The one that Rust links statically does since its version 1.2.4.
        Ok("musl") => true,
        _ => false,
    };
    if unpacks {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Whether the C library of this machine unpacks them: the GNU one does since 2.36.
fn unpacks_relocations() -> bool {
    let Ok(asked) = Command::new("getconf").arg("GNU_LIBC_VERSION").output() else { return false };
    let text = String::from_utf8_lossy(&asked.stdout);
    let Some((major, minor)) = text.trim().strip_prefix("glibc ").and_then(|it| it.split_once('.')) else {
        return false;
    };
    let number = |text: &str| text.split('.').next().and_then(|it| it.parse::<u32>().ok());
    (number(major), number(minor)) >= (Some(2), Some(36))
}
