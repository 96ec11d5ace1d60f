//! The binary `sandpiper`.

use std::process::ExitCode;

fn main() -> ExitCode {
    sandpiper_cli::main()
}
