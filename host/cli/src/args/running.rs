//! The options of what keeps running after it has applied: `exec` and `serve`.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::{Rollouts, Selection, Waits};

/// What `exec` does.
#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// Without configuration: the folder of the one stage
    #[arg(value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) rollout: Rollouts,
    /// Take back what has no file any more, where the policy is `on-missing: undo`
    #[arg(long)]
    pub(crate) allow_undo: bool,
    /// Write what happens as lines of JSON, at the end of this file; `-`: to standard error
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) waits: Waits,
    /// Become the command also when a change failed
    #[arg(long)]
    pub(crate) start_anyway: bool,
    /// What to become, and its arguments
    #[arg(value_name = "COMMAND", last = true, required = true)]
    pub(crate) command: Vec<OsString>,
}

/// What `serve` does.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080", value_parser = address)]
    pub(crate) listen: SocketAddr,
    /// A file with the token that is asked of callers; or the variable SANDPIPER_TOKEN
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Apply nothing: only tell
    #[arg(long)]
    pub(crate) no_apply: bool,
    /// Apply again when files of the stages, or the configuration, have changed
    #[arg(long, conflicts_with = "no_apply")]
    pub(crate) watch: bool,
    #[command(flatten)]
    pub(crate) waits: Waits,
}

/// A host and a port; a name is looked up once.
fn address(text: &str) -> Result<SocketAddr, String> {
    use std::net::ToSocketAddrs as _;
    let found = text.to_socket_addrs().map_err(|error| format!("{error}: write HOST:PORT"))?;
    found.into_iter().next().ok_or_else(|| "the host has no address".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        assert_eq!(address("127.0.0.1:0").unwrap().to_string(), "127.0.0.1:0");
        assert_eq!(address("[::1]:80").unwrap().to_string(), "[::1]:80");
        assert!(address("8080").is_err());
        assert!(address("127.0.0.1:99999").is_err());
    }
}
