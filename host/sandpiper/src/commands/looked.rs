//! What a command begins with: the files are read while the store is asked, for the one takes about as long as the
//! other.

use std::sync::Arc;
use std::thread;
use std::time::SystemTime;

use sandpiper_engine::fault::{Fault, Problem};
use sandpiper_engine::plan::Answers;
use sandpiper_engine::state::States;
use sandpiper_engine::store::StoreError;
use tokio::sync::oneshot;

use super::{Opened, Sandpiper, certain_answers};
use crate::config::Config;
use crate::load::Changes;
use crate::project::{self, Loaded, Memory, Options};
use crate::run::going_on;
use crate::systems::Systems;
use crate::waiting::Patience;

/// What the files hold, and what the store says.
pub(super) struct Looked {
    pub(super) loaded: Loaded,
    /// None: the store was not asked, or its answer not awaited.
    asked: Option<Result<Asked, Fault>>,
}

/// A store that was asked what is applied.
struct Asked {
    systems: Systems,
    states: Result<Option<States>, StoreError>,
}

impl Sandpiper {
    /// Reads the files, believing what is remembered of them or not.
    pub(super) async fn read_files(&self, believed: bool) -> Loaded {
        self.reading(self.with_claims(believed).await, believed)()
    }

    /// Reads the files and asks the store, whose answer is not waited for when something is wrong with the files.
    pub(super) async fn read_and_asked(&self, believed: bool) -> Looked {
        let reading = self.reading(self.with_claims(believed).await, believed);
        // Without a configuration, the systems are those that the files name.
        if !self.config.has_file {
            return Looked { loaded: reading(), asked: None };
        }
        let (done, is_done) = oneshot::channel::<()>();
        let thread = thread::spawn(move || {
            let loaded = reading();
            drop(done);
            loaded
        });
        let read = async {
            // The answer is that nobody will ever give one.
            let _ = is_done.await;
            let loaded = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            if loaded.problems.is_empty() { Ok(loaded) } else { Err(loaded) }
        };
        let asked = async { Ok(self.asked(&self.config).await) };
        match tokio::try_join!(read, asked) {
            Ok((loaded, asked)) => Looked { loaded, asked: Some(asked) },
            Err(loaded) => Looked { loaded, asked: None },
        }
    }

    /// What is wrong with the files.
    pub(crate) async fn problems_of_files(&self) -> Vec<Problem> {
        self.read_files(false).await.problems
    }

    /// The reading of the files, for any thread.
    fn reading(&self, config: Config, believed: bool) -> impl FnOnce() -> Loaded + Send + 'static {
        let (secrets, memory) = (self.secrets.clone(), self.memory.clone());
        move || {
            let languages: Vec<&str> = config.languages.iter().map(|plugin| plugin.name.as_str()).collect();
            let options = Options {
                languages: &languages,
                sources_digest: &crate::guests::sources_of,
                secrets: &secrets,
                memory: memory.as_deref().map(|folder| Memory { folder, believed, now: SystemTime::now() }),
            };
            project::load(config.clone(), &options)
        }
    }

    async fn asked(&self, config: &Config) -> Result<Asked, Fault> {
        let systems = self.systems_of(config)?;
        let states = systems.store().states(&self.scope()).await;
        Ok(Asked { systems, states })
    }
}

impl Looked {
    /// The project, if nothing is wrong with it: first what is wrong with its files, then what the store says.
    pub(super) async fn opened(self, sandpiper: &Sandpiper, patience: Patience) -> Result<Opened, Fault> {
        let Self { mut loaded, asked } = self;
        let warnings = std::mem::take(&mut loaded.project.warnings);
        let project = loaded.into_result().map_err(|problems| {
            Fault::from_problems(problems.into_iter().chain(warnings.iter().cloned()).collect())
        })?;
        let Asked { systems, mut states } = match asked {
            Some(asked) => asked?,
            None => sandpiper.asked(&project.config).await?,
        };
        if matches!(states, Err(StoreError::Unreachable(_))) && !patience.is_none() {
            sandpiper.await_store(&systems, patience).await?;
            states = systems.store().states(&sandpiper.scope()).await;
        }
        let known = matches!(states, Ok(Some(_))).then(|| systems.store().as_ref());
        let changes = Changes::load(project, &sandpiper.runtime, known).await?;
        let states = states?;
        let running = sandpiper.running(&systems, states.as_ref()).await?;
        let mut answers = Answers::new();
        if let Some(states) = &states {
            answers = certain_answers(&changes, states, &sandpiper.runtime);
            going_on::look(&changes, &systems, &sandpiper.scope(), states, &mut answers).await?;
        }
        Ok(Opened {
            changes: Arc::new(changes),
            systems: Arc::new(systems),
            templates: sandpiper.templates.clone(),
            states,
            running,
            answers,
            warnings,
            patience,
        })
    }
}
