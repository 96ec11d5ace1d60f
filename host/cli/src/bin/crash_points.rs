//! The binary `sandpiper` as tests of crashes need it: built with the feature `crash-points`, under a name of its own,
//! so that it never takes the place of the other.

use std::process::ExitCode;

fn main() -> ExitCode {
    sandpiper_cli::main()
}
