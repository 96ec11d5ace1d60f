//! `exec`: applies, then becomes a command. It takes the place of this process, so that its signals and its exit code
//! are its own, also as the first process of a container.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use sandpiper::engine::fault::Fault;

use super::{Apply, Session, select};
use crate::args::{Exec, Global};

/// The exit code of a command that is not there, as shells have it.
const NOT_FOUND: u8 = 127;
/// The exit code of a command that is there, and cannot be started.
const NOT_STARTED: u8 = 126;
/// Where commands are looked for when nothing says it: what the C library does.
const USUAL_PATH: &str = "/bin:/usr/bin";

/// Runs it; gives an exit code only where the process has not become the command.
pub(super) fn run(mut session: Session<'_>, global: Global, exec: Exec) -> u8 {
    let Exec { directory, selection, rollout, allow_undo, events, start_anyway, command, .. } = exec;
    let output = session.output;
    // Nothing is applied for an application that cannot start.
    if let Err((code, fault)) = find(&command, std::env::var_os("PATH").as_deref()) {
        output.refuse(fault);
        return code;
    }
    session.first = true;
    let stopper = session.stopper.clone();
    if let Some(file) = events {
        session.beside_events(file == Path::new("-"));
        match super::events(&file, io::stderr()) {
            Ok(events) => session.events = Some(events.into()),
            Err(fault) => return output.refuse(fault),
        }
    }
    let select = select(selection, allow_undo);
    let code = session.apply(global, Apply { directory, select, rollout: rollout.into(), dry_run: false });
    // Connections and files are closed here; what is left is closed by the system, for none of it is inherited.
    drop(session);
    if let Some(asked) = stopper.asked() {
        return if code == 0 { asked.exit().code() } else { code };
    }
    if code != 0 {
        if !start_anyway {
            return code;
        }
        if !output.quiet {
            eprintln!("warning: not all changes are applied, and the command starts anyway");
        }
    }
    let (code, fault) = become_it(&command);
    output.refuse(fault);
    code
}

/// Takes the place of this process; gives why it could not.
fn become_it(command: &[OsString]) -> (u8, Fault) {
    let Some((program, arguments)) = command.split_first() else { return (NOT_FOUND, nothing()) };
    let error = Command::new(program).args(arguments).exec();
    let code = if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_STARTED };
    let fault = Fault::usage(format!("`{}` cannot be started: {error}", Path::new(program).display()))
        .with_help("the changes are applied; mend the command, and run this again");
    (code, fault)
}

/// Looks for the command as the system will.
fn find(command: &[OsString], path: Option<&OsStr>) -> Result<(), (u8, Fault)> {
    let Some(program) = command.first().filter(|program| !program.is_empty()) else {
        return Err((NOT_FOUND, nothing()));
    };
    let shown = Path::new(program).display();
    if program.as_bytes().contains(&b'/') {
        return match is_program(Path::new(program)) {
            Some(true) => Ok(()),
            Some(false) => Err((NOT_STARTED, not_executable(&shown.to_string()))),
            None => {
                let fault = Fault::usage(format!("there is no command `{shown}`"));
                Err((NOT_FOUND, fault.with_help("nothing was applied; check the path of the command")))
            }
        };
    }
    let path = path.unwrap_or(OsStr::new(USUAL_PATH));
    let places: Vec<PathBuf> = std::env::split_paths(path)
        .map(|folder| if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder })
        .map(|folder| folder.join(program))
        .collect();
    let found: Vec<bool> = places.iter().filter_map(|place| is_program(place)).collect();
    match (found.contains(&true), found.is_empty()) {
        (true, _) => Ok(()),
        (false, false) => Err((NOT_STARTED, not_executable(&shown.to_string()))),
        (false, true) => {
            let fault = Fault::usage(format!("there is no command `{shown}` on the path"));
            Err((NOT_FOUND, fault.with_help("nothing was applied; install the command, or give its path")))
        }
    }
}

/// Whether the file is one that may be run; none where there is no file.
fn is_program(file: &Path) -> Option<bool> {
    let data = file.metadata().ok()?;
    Some(data.is_file() && data.permissions().mode() & 0o111 != 0)
}

fn not_executable(shown: &str) -> Fault {
    Fault::usage(format!("`{shown}` may not be executed"))
        .with_help("nothing was applied; name a program, and see that its file is executable: `chmod +x`")
}

fn nothing() -> Fault {
    Fault::usage("the command is empty").with_help("name it behind `--`: `sandpiper exec -- ./server`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(program: &str, path: &str) -> u8 {
        find(&[program.into()], Some(OsStr::new(path))).map_or_else(|(code, _)| code, |()| 0)
    }

    #[test]
    fn a_command_is_looked_for_as_the_system_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        std::fs::write(folder.path().join("text"), "x").unwrap();
        assert_eq!(look("sh", "/nowhere:/bin:/usr/bin"), 0);
        assert_eq!(look("/bin/sh", ""), 0);
        assert_eq!(look("no-such-command", path), NOT_FOUND);
        assert_eq!(look("/no/such/command", path), NOT_FOUND);
        assert_eq!(look("text", path), NOT_STARTED);
        assert_eq!(look(path, path), NOT_STARTED, "a folder is no program");
        assert_eq!(look("", path), NOT_FOUND);
    }

    #[test]
    fn without_a_path_the_usual_one_counts() {
        assert!(find(&["sh".into()], None).is_ok());
    }
}
