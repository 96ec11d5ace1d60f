//! `warm`: compiles all that a project may run, where its image is built, so that no start pays for it. It connects to
//! nothing, and runs nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use sandpiper_engine::digest::Digest;
use sandpiper_engine::fault::{Blame, Fault, Place, Problem};
use sandpiper_runtime::cache::{self, Standing, Unusable};
use sandpiper_runtime::{Component, Warmed};

use super::{Builder, Sandpiper};
use crate::config::{Config, PluginFile};
use crate::load;
use crate::project::{FileKind, Project};
use crate::report::{Exit, Finished, WarmComponent, WarmCounts, WarmOutcome, WarmReport};
use crate::templates;

impl Builder {
    /// Fills the cache of compiled code with every component of the stages, the templates that their data files use, and
    /// the plugins that the configuration names. Variables and files that the configuration refers to may be missing,
    /// for they belong to the process that will run.
    pub async fn warm(self) -> Finished<WarmReport> {
        match self.at_build().build() {
            Ok(sandpiper) => sandpiper.warm().await,
            Err(fault) => Finished::refused(fault),
        }
    }
}

impl Sandpiper {
    async fn warm(&self) -> Finished<WarmReport> {
        let mut loaded = self.read_files(false).await;
        let warnings = std::mem::take(&mut loaded.project.warnings);
        let found = loaded.into_result().map_err(|problems| {
            Fault::from_problems(problems.into_iter().chain(warnings.iter().cloned()).collect())
        });
        let components = found.and_then(|project| self.components(&project));
        match components.and_then(|components| self.warmed(&components)) {
            Ok(body) => {
                let lost = (body.counts.not_kept > 0).then(|| not_kept(&body));
                let exit = lost.as_ref().map_or(Exit::Done, |_| Exit::Usage);
                Finished { exit, error: lost, warnings, body }
            }
            Err(fault) => self.refused(fault),
        }
    }

    /// Everything that is to be compiled, with its name; nothing of it is compiled yet.
    fn components(&self, project: &Project) -> Result<Vec<(String, Component)>, Fault> {
        let (mut components, mut problems) = (Vec::new(), Vec::new());
        let mut take = |found: Result<(String, Component), Problem>| match found {
            Ok(found) => components.push(found),
            Err(problem) => problems.push(problem),
        };
        let chosen = |name: &str| self.stage.as_deref().is_none_or(|stage| stage == name);
        let files = project.stages.iter().filter(|stage| chosen(stage.config.name.as_str()));
        let mut named = BTreeSet::new();
        for file in files.flat_map(|stage| &stage.files) {
            if let FileKind::Component = file.kind {
                let loaded = file.bytes().and_then(|bytes| {
                    let loaded = self.runtime.load(bytes, file.digest);
                    loaded.map_err(|fault| load::problem(fault, file))
                });
                take(loaded.map(|component| (file.shown.clone(), component)));
            }
            named.extend(file.template(&project.config));
        }
        let config = &project.config;
        named.extend(config.templates.iter().map(|plugin| plugin.name.as_str()));
        for name in named {
            take(self.template(name, config));
        }
        for plugin in config.languages.iter().chain(&config.plugins) {
            take(self.plugin(plugin));
        }
        if problems.is_empty() { Ok(components) } else { Err(Fault::from_problems(problems)) }
    }

    fn template(&self, name: &str, config: &Config) -> Result<(String, Component), Problem> {
        let (bytes, place) = templates::source(name, config)?;
        let shown = place.as_ref().map_or_else(|| name.to_owned(), |place| place.file.to_string());
        Ok((shown, self.loaded(bytes, place)?))
    }

    fn plugin(&self, plugin: &PluginFile) -> Result<(String, Component), Problem> {
        let bytes = std::fs::read(&plugin.path).map_err(|error| {
            Problem::error("config::not-found", format!("`{}` cannot be read: {error}", plugin.shown))
                .at(plugin.place.clone())
                .help("build the plugin, or mend its path")
        })?;
        let place = Place::file(plugin.shown.as_str());
        Ok((plugin.shown.clone(), self.loaded(bytes.into(), Some(place))?))
    }

    fn loaded(&self, bytes: Arc<[u8]>, place: Option<Place>) -> Result<Component, Problem> {
        let digest = Digest::of(&bytes);
        self.runtime.load(bytes, digest).map_err(|fault| {
            let problem = place.into_iter().fold(Problem::error(fault.code, fault.message), Problem::at);
            fault.help.into_iter().fold(problem, Problem::help)
        })
    }

    fn warmed(&self, components: &[(String, Component)]) -> Result<WarmReport, Fault> {
        let folder = self.runtime.cache_dir().ok_or_else(nowhere)?;
        let unusable = |unusable: Unusable| unused(folder.display(), &unusable.why, unusable.help);
        let standing = cache::look(folder).map_err(unusable)?;
        if standing != Standing::ReadOnly {
            cache::make_readable(folder).map_err(|error| unusable(error.into()))?;
        }
        let mut body = WarmReport { folder: folder.display().to_string(), ..WarmReport::default() };
        for (name, component) in components {
            let since = Instant::now();
            let (outcome, count) = match self.runtime.warm(component)? {
                Warmed::Kept => (WarmOutcome::Compiled, &mut body.counts.compiled),
                Warmed::Found => (WarmOutcome::Cached, &mut body.counts.cached),
                Warmed::Lost => (WarmOutcome::NotKept, &mut body.counts.not_kept),
            };
            *count += 1;
            body.components.push(WarmComponent {
                name: name.clone(),
                kind: component.kind().as_str().to_owned(),
                digest: component.digest().to_string(),
                outcome,
                duration_ms: u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX),
            });
        }
        if standing != Standing::ReadOnly {
            cache::open_to_readers(folder).map_err(|error| unusable(error.into()))?;
        }
        Ok(body)
    }
}

fn nowhere() -> Fault {
    Fault::new("config::cache", Blame::User, "there is no folder to keep compiled code in")
        .with_help("set `XDG_CACHE_HOME` to an absolute path, or `HOME`, and leave `--no-cache` out")
}

fn unused(folder: impl std::fmt::Display, why: &str, help: impl Into<String>) -> Fault {
    Fault::new("config::cache", Blame::User, format!("the cache folder `{folder}` is not used: {why}"))
        .with_help(help)
}

/// Some of it could not be written: what is there may be used all the same.
fn not_kept(body: &WarmReport) -> Fault {
    let WarmCounts { not_kept, .. } = body.counts;
    let message = format!(
        "compiled code cannot be kept in `{}`: {not_kept} components were compiled for nothing",
        body.folder
    );
    Fault::new("config::cache", Blame::User, message)
        .with_help("run `sandpiper warm` where this folder can be written to, when the image is built")
}
