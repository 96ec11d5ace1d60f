//! What every language's builder is given and gives: one project, the folders that it may write to, and how its tools
//! are run.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use sandpiper_engine::digest::Digest;
use sandpiper_engine::fault::{Blame, Fault, Place};

use super::sdk::Pack;
use crate::config::Config;

/// One project that is to be built.
pub(super) struct Job<'a> {
    /// Its folder, absolute.
    pub(super) folder: &'a Path,
    /// The same as the user would write it.
    pub(super) shown: &'a str,
    /// What is known of the systems that it may name.
    pub(super) config: &'a Config,
}

/// What the tools of a language made.
pub(super) struct Made {
    /// A component, which is not checked yet.
    pub(super) component: Vec<u8>,
    /// What was run, as one would type it.
    pub(super) commands: Vec<String>,
}

/// A tool that a language is built with.
pub(super) struct Tool {
    /// As it is called.
    pub(super) name: &'static str,
    /// The command that installs it.
    pub(super) install: &'static str,
}

impl Job<'_> {
    /// Where what is made for guest projects lies, for all of the pipeline.
    pub(super) fn workspace(&self) -> PathBuf {
        self.config.folder.join(".sandpiper")
    }

    /// An SDK, unpacked.
    pub(super) fn sdk(&self, pack: &Pack) -> Result<PathBuf, Fault> {
        let workspace = self.workspace();
        pack.unpack(&workspace).map_err(|error| {
            let message = format!("the SDK cannot be unpacked to `{}`: {error}", workspace.display());
            Fault::new("config::not-found", Blame::Host, message)
        })
    }

    /// A folder for what is made of this project alone.
    pub(super) fn scratch(&self, language: &str) -> Result<PathBuf, Fault> {
        let name = Digest::of(self.folder.as_os_str().as_encoded_bytes()).short().to_string();
        let folder = self.workspace().join("build").join(language).join(name);
        std::fs::create_dir_all(&folder).map_err(|error| self.io("a folder cannot be made", &error))?;
        Ok(folder)
    }

    /// Runs a tool to its end, and notes it among `commands`.
    ///
    /// # Errors
    ///
    /// When it is not there, with the command that installs it, and when it fails, with what it said.
    pub(super) fn run(
        &self,
        tool: &Tool,
        command: Command,
        commands: &mut Vec<String>,
    ) -> Result<Output, Fault> {
        self.succeeded(self.output(tool, command, commands)?)
    }

    /// The same, whatever it ends with.
    pub(super) fn output(
        &self,
        tool: &Tool,
        mut command: Command,
        commands: &mut Vec<String>,
    ) -> Result<Output, Fault> {
        commands.push(shown(&command));
        command.stdin(Stdio::null()).output().map_err(|error| self.missing(tool, &error))
    }

    /// What a tool gave, if it succeeded.
    pub(super) fn succeeded(&self, output: Output) -> Result<Output, Fault> {
        if output.status.success() { Ok(output) } else { Err(self.failed(&said(&output))) }
    }

    /// The fault of a tool that is not there.
    pub(super) fn missing(&self, tool: &Tool, why: &dyn std::fmt::Display) -> Fault {
        self.missing_named(tool.name, tool.install, why)
    }

    /// The same of a tool whose name is only known now.
    pub(super) fn missing_named(&self, tool: &str, install: &str, why: &dyn std::fmt::Display) -> Fault {
        let message = format!("`{tool}`, which builds `{}`, cannot be started: {why}", self.shown);
        Fault::new("change::syntax", Blame::User, message)
            .with_help(format!("install it: {install}"))
            .with_place(Some(Place::file(self.shown)))
    }

    /// The fault of a project that its tools refuse.
    pub(super) fn failed(&self, said: &str) -> Fault {
        let message = format!("`{}` does not build:\n{}", self.shown, said.trim_end());
        Fault::new("change::syntax", Blame::User, message)
            .with_help("mend what the tool names, then run `sandpiper build` again")
            .with_place(Some(Place::file(self.shown)))
    }

    /// The fault of a file that cannot be read or written on the way.
    pub(super) fn io(&self, what: &str, error: &io::Error) -> Fault {
        Fault::new("config::not-found", Blame::User, format!("{what}: {error}"))
            .with_place(Some(Place::file(self.shown)))
    }

    /// Reads what a tool has made.
    pub(super) fn read(&self, file: &Path) -> Result<Vec<u8>, Fault> {
        std::fs::read(file).map_err(|error| self.io("what was built cannot be read", &error))
    }

    /// Writes a file that a tool is to read.
    pub(super) fn write(&self, file: &Path, text: &str) -> Result<(), Fault> {
        let folder = file.parent().unwrap_or(file);
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(file, text))
            .map_err(|error| self.io("a file of the build cannot be written", &error))
    }
}

/// What a tool said, wherever it said it.
fn said(output: &Output) -> String {
    let (errors, text) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    if errors.trim().is_empty() { text.into_owned() } else { errors.into_owned() }
}

/// A command as one would type it.
pub(super) fn shown(command: &Command) -> String {
    let word = |word: &OsStr| {
        let word = word.to_string_lossy().into_owned();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@+,%".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    let set = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={}", name.to_string_lossy(), word(value?))));
    set.chain([word(command.get_program())]).chain(command.get_args().map(word)).collect::<Vec<_>>().join(" ")
}

/// A program on the path, or in one of `folders`, which go first.
pub(super) fn find(program: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = folders.iter().cloned().chain(std::env::split_paths(&path));
    all.map(|folder| folder.join(program)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("go");
        command.env("GOOS", "wasip1").env_remove("GOFLAGS").args(["build", "-ldflags=-s -w", "it's", "."]);
        assert_eq!(shown(&command), "GOOS=wasip1 go build '-ldflags=-s -w' 'it'\\''s' .");
    }
}
