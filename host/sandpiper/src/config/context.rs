//! What references in the configuration are replaced with: the process's variables, files, and `variables:`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

use sandpiper_engine::fault::Problem;
use sandpiper_engine::suggest::nearest;

use super::interpolate::{Piece, Source, pieces};
use crate::secrets::Secrets;

/// The largest file that `${file:..}` takes in.
const MAX_FILE: u64 = 1 << 20;

/// How deep defaults may hold references.
const MAX_DEPTH: usize = 8;

/// Gives a variable of the process.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Where values come from.
pub(super) struct Context {
    pub(super) folder: PathBuf,
    pub(super) env: Environment,
    pub(super) secrets: Secrets,
    pub(super) variables: BTreeMap<String, Variable>,
    /// Whether what only the running process has may be missing.
    pub(super) at_build: bool,
}

/// What is known of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Variable {
    Known(String),
    /// Only a tenant has it, and none is chosen.
    Awaited,
    /// It could not be read; that was said where it is defined.
    Failed,
}

/// A text in which all references are replaced.
#[derive(Debug, Clone, Default)]
pub(super) struct Value {
    pub(super) text: String,
    /// Something in it is not known before a tenant is chosen.
    pub(super) awaits_tenant: bool,
    /// There was a reference: a number may then stand in quotes.
    pub(super) replaced: bool,
}

/// One replacement of the references of a text.
pub(super) struct Expansion<'c> {
    pub(super) context: &'c Context,
    /// Whether what comes from the process's variables is secret here.
    pub(super) secret: bool,
    /// What is wrong, and at which byte of the text.
    pub(super) problems: Vec<(usize, Problem)>,
    pub(super) value: Value,
}

impl<'c> Expansion<'c> {
    pub(super) fn new(context: &'c Context, secret: bool) -> Self {
        Self { context, secret, problems: Vec::new(), value: Value::default() }
    }

    /// Replaces the references of a text; `variable` gives those of the configuration.
    pub(super) fn expand(&mut self, text: &str, variable: &mut dyn FnMut(&str) -> Option<Variable>) {
        self.expand_at(text, 0, 0, variable);
    }

    fn expand_at(
        &mut self,
        text: &str,
        start: usize,
        depth: usize,
        variable: &mut dyn FnMut(&str) -> Option<Variable>,
    ) {
        for (at, piece) in pieces(text) {
            let at = start + at;
            match piece {
                Piece::Text(text) => self.value.text.push_str(text),
                Piece::Escape => self.value.text.push_str("${"),
                Piece::Reference { source, name, default } => {
                    self.value.replaced = true;
                    match self.look_up(source, name, default.is_some(), at, variable) {
                        Some(value) if !(value.is_empty() && default.is_some()) => {
                            self.value.text.push_str(&value)
                        }
                        _ if depth >= MAX_DEPTH => {
                            self.syntax(at, "defaults stand too deep in each other", "use one")
                        }
                        _ => {
                            let default_at = at + "${".len() + name.len() + 1 + ":-".len();
                            self.expand_at(default.unwrap_or_default(), default_at, depth + 1, variable);
                        }
                    }
                }
                Piece::Other(inside) => self.no_source(inside, at),
                Piece::Unclosed(rest) => {
                    self.value.text.push_str(rest);
                    self.syntax(
                        at,
                        "the `}` of a `${` is missing",
                        "close it, or write `$${` for a plain `${`",
                    );
                }
            }
        }
    }

    fn syntax(&mut self, at: usize, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push((at, Problem::error("config::syntax", message).help(help)));
    }

    fn no_source(&mut self, inside: &str, at: usize) {
        let (word, rest) = inside.split_once(':').unwrap_or((inside, ""));
        let help = match nearest(word, ["env", "file", "var"]) {
            Some(source) if !rest.is_empty() => format!("did you mean `${{{source}:{rest}}}`?"),
            _ => format!("write `${{env:{inside}}}` or `${{var:{inside}}}`, or `$${{` for a plain `${{`"),
        };
        self.syntax(at, format!("`${{{inside}}}` does not say where its value comes from"), help);
    }

    fn unset(&mut self, at: usize, message: String, help: String) {
        self.problems.push((at, Problem::error("config::unset-variable", message).help(help)));
    }

    /// The value of a reference. None for its default: without one, that it has none is a problem.
    fn look_up(
        &mut self,
        source: Source,
        name: &str,
        has_default: bool,
        at: usize,
        variable: &mut dyn FnMut(&str) -> Option<Variable>,
    ) -> Option<String> {
        match source {
            Source::Env => {
                let value = (self.context.env)(name);
                match &value {
                    Some(value) if self.secret => self.context.secrets.add(value),
                    None if !has_default && self.context.at_build => return self.awaited("env", name),
                    None if !has_default => self.unset(
                        at,
                        format!("the environment variable `{name}` is not set"),
                        format!("set it, or write a default: `${{env:{name}:-value}}`"),
                    ),
                    _ => {}
                }
                value
            }
            Source::File => self.file(name, has_default, at),
            Source::Var => match variable(name) {
                Some(Variable::Known(value)) => Some(value),
                Some(Variable::Awaited) => {
                    self.value.awaits_tenant = true;
                    Some(format!("${{var:{name}}}"))
                }
                Some(Variable::Failed) => Some(String::new()),
                None if has_default => None,
                None => {
                    let known = self.context.variables.keys().map(String::as_str);
                    let help = match nearest(name, known) {
                        Some(meant) => format!("did you mean `${{var:{meant}}}`?"),
                        None if name == "tenant" => {
                            "it is known where the configuration has `tenants:`".to_owned()
                        }
                        None => format!("add it below `variables:`, or give `--set {name}=VALUE`"),
                    };
                    self.unset(at, format!("the variable `{name}` is not set"), help);
                    None
                }
            },
        }
    }

    /// What the running process will have.
    fn awaited(&mut self, source: &str, name: &str) -> Option<String> {
        self.value.awaits_tenant = true;
        Some(format!("${{{source}:{name}}}"))
    }

    fn file(&mut self, name: &str, has_default: bool, at: usize) -> Option<String> {
        let read = || -> Result<String, String> {
            let file =
                std::fs::File::open(self.context.folder.join(name)).map_err(|error| error.to_string())?;
            let mut bytes = Vec::new();
            file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
            if bytes.len() as u64 > MAX_FILE {
                return Err("it is larger than 1 MiB".to_owned());
            }
            String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())
        };
        match read() {
            Ok(text) => {
                let value = text.trim_end_matches(['\n', '\r']);
                self.context.secrets.add(value);
                Some(value.to_owned())
            }
            Err(_) if has_default => None,
            Err(_) if self.context.at_build => self.awaited("file", name),
            Err(why) => {
                let problem =
                    Problem::error("config::not-found", format!("the file `{name}` cannot be read: {why}"));
                let help = format!("create it, or write a default: `${{file:{name}:-value}}`");
                self.problems.push((at, problem.help(help)));
                None
            }
        }
    }
}

/// The names of tenants' variables that are not known before a tenant is chosen.
pub(super) fn awaited(names: BTreeSet<String>) -> BTreeMap<String, Variable> {
    names.into_iter().map(|name| (name, Variable::Awaited)).collect()
}
