//! The language plugins of a run: components that run source files. Each is loaded when the first source needs it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sandpiper_engine::digest::Digest;
use sandpiper_engine::fault::{Blame, Fault, Place, Problem};
use sandpiper_runtime::component::Kind;
use sandpiper_runtime::guest::{Inspected, LanguageInfo, Source, SourceProblem};
use sandpiper_runtime::{Component, Runtime};

use crate::config::Config;
use crate::load::problem;
use crate::project::ChangeFile;

/// A language plugin that was loaded, and described itself.
pub(crate) struct Language {
    /// Its code.
    pub(crate) component: Component,
    /// What it says of itself.
    pub(crate) info: LanguageInfo,
}

/// The language plugins of a run. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Languages(Arc<Mutex<BTreeMap<String, Arc<Language>>>>);

impl Languages {
    /// The plugin that runs the source files of an extension.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the plugin's file, and that it does not run such sources.
    pub(crate) async fn get(
        &self,
        extension: &str,
        config: &Config,
        runtime: &Runtime,
    ) -> Result<Arc<Language>, Problem> {
        if let Some(language) = self.known(extension) {
            return Ok(language);
        }
        let Some(plugin) = config.languages.iter().find(|plugin| plugin.name == extension) else {
            let message = format!("no plugin of this host runs `.{extension}`");
            let help = format!("name one under `languages`: `{extension}: plugins/{extension}.wasm`, say");
            return Err(Problem::error("change::unknown-template", message).help(help));
        };
        let bytes = std::fs::read(&plugin.path).map_err(|error| {
            let message =
                format!("the plugin of `.{extension}` cannot be read from `{}`: {error}", plugin.shown);
            Problem::error("config::not-found", message)
                .at(plugin.place.clone())
                .help("build the plugin, or mend its path under `languages`")
        })?;
        let digest = Digest::of(&bytes);
        let language = load(bytes.into(), digest, runtime).await.map_err(|fault| {
            let message = format!("the plugin of `.{extension}`: {}", fault.message);
            let problem = Problem::error(fault.code, message).at(Place::file(plugin.shown.as_str()));
            fault.help.into_iter().fold(problem, Problem::help)
        })?;
        if !language.info.extensions.iter().any(|claimed| claimed == extension) {
            let claimed: Vec<String> = language.info.extensions.iter().map(|it| format!("`.{it}`")).collect();
            let message = format!(
                "the plugin `{}` runs {}, and not `.{extension}`",
                language.info.name,
                claimed.join(", ")
            );
            let help = "name another file, or name it by an extension that it runs";
            return Err(Problem::error("change::wrong-world", message).at(plugin.place.clone()).help(help));
        }
        Ok(self.keep(extension.to_owned(), language))
    }

    /// A plugin from the bytes that ran, by their digest.
    ///
    /// # Errors
    ///
    /// When this host cannot load it.
    pub(crate) async fn of_archive(
        &self,
        digest: Digest,
        bytes: Vec<u8>,
        runtime: &Runtime,
    ) -> Result<Arc<Language>, Problem> {
        let name = digest.to_string();
        if let Some(language) = self.known(&name) {
            return Ok(language);
        }
        let language = load(bytes.into(), digest, runtime).await.map_err(|fault| {
            let message = format!("the plugin that ran it, from the archive: {}", fault.message);
            fault.help.into_iter().fold(Problem::error(fault.code, message), Problem::help)
        })?;
        Ok(self.keep(name, language))
    }

    fn known(&self, name: &str) -> Option<Arc<Language>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// One plugin that runs several extensions is loaded once.
    fn keep(&self, name: String, language: Language) -> Arc<Language> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = language.component.digest();
        let same = known.values().find(|known| known.component.digest() == digest).cloned();
        let language = same.unwrap_or_else(|| Arc::new(language));
        known.insert(name, language.clone());
        language
    }
}

impl Language {
    /// What a source file says of itself.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub(crate) async fn inspect(
        &self,
        file: &ChangeFile,
        runtime: &Runtime,
    ) -> Result<Inspected, Vec<Problem>> {
        let source = source(file).map_err(|problem| vec![problem])?;
        match runtime.inspect_source(&self.component, &source).await {
            Ok(Ok(inspected)) => Ok(inspected),
            Ok(Err(found)) => {
                Err(found.into_iter().map(|found| located(found, &file.shown, &source.text)).collect())
            }
            Err(fault) => Err(vec![problem(fault, file)]),
        }
    }
}

/// A source file, as its plugin is given it.
pub(crate) fn source(file: &ChangeFile) -> Result<Source, Problem> {
    let bytes = file.bytes()?;
    let text = crate::yaml::utf8(&file.shown, &bytes, "change::syntax").map_err(|problem| *problem)?;
    let file_name = std::path::Path::new(&file.shown).file_name().unwrap_or_default();
    Ok(Source { file_name: file_name.to_string_lossy().into_owned(), text: text.to_owned() })
}

fn located(found: SourceProblem, shown: &str, text: &str) -> Problem {
    let SourceProblem { line, column, message, help } = found;
    let place = offset(text, line, column).map(|offset| Place::in_text(shown, text, offset));
    let problem = Problem::error("change::syntax", message).at(place.unwrap_or_else(|| Place::file(shown)));
    help.into_iter().fold(problem, Problem::help)
}

/// The byte at a line and a column, both counted from 1; nothing where the text has no such line.
fn offset(text: &str, line: u32, column: u32) -> Option<usize> {
    let line = (line as usize).checked_sub(1)?;
    let begins = match line.checked_sub(1) {
        None => 0,
        Some(before) => text.match_indices('\n').nth(before)?.0 + 1,
    };
    let rest = text.get(begins..)?;
    let whole = rest.split('\n').next().unwrap_or(rest);
    let at = whole.char_indices().nth((column as usize).saturating_sub(1)).map(|(at, _)| at);
    Some(begins + at.unwrap_or(whole.len()))
}

async fn load(bytes: Arc<[u8]>, digest: Digest, runtime: &Runtime) -> Result<Language, Fault> {
    let component = runtime.load(bytes, digest)?;
    if component.kind() != Kind::Language {
        let message = format!("it is a {}, not a language plugin", component.kind().as_str());
        return Err(Fault::new("change::wrong-world", Blame::Plugin, message)
            .with_help("a language plugin exports `sandpiper:change/language` and a `source-runner`"));
    }
    let info = runtime.describe_language(&component).await?;
    Ok(Language { component, info })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_and_a_column_are_found_in_the_text() {
        let text = "a\ngr\u{fc}n x\r\nend";
        assert_eq!(offset(text, 1, 1), Some(0));
        assert_eq!(offset(text, 2, 6), text.find('x'));
        assert_eq!(offset(text, 2, 99), text.find('\r').map(|at| at + 1));
        assert_eq!(offset(text, 3, 1), text.find("end"));
        assert_eq!(offset(text, 4, 1), None);
        assert_eq!(offset(text, 0, 0), None);
    }
}
