//! What an undo runs: the bytes that were applied, from the archive, and the template that ran them.

use std::sync::Arc;

use sandpiper_engine::change::Change;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::{Entry, Record, State};
use sandpiper_engine::fault::{Fault, Place, Problem};
use sandpiper_engine::plan::Stage;
use sandpiper_engine::scope::Scope;
use sandpiper_engine::store::{EntryQuery, Store, StoreError};
use sandpiper_engine::undo::Planned;

use crate::languages::Language;
use crate::load::{Changes, Item};
use crate::project::{ChangeFile, FileKind};
use crate::run::prepare::{Preparing, Runner};
use crate::run::ready::Ready;
use crate::templates::Template;

/// Where a file that is only in the archive is said to be.
pub(crate) const ARCHIVE: &str = "<archive>";

/// Makes applied changes ready to be taken back.
pub(crate) struct Archive<'a> {
    /// Loads and assesses.
    pub(crate) preparing: Preparing<'a>,
    /// The working copy.
    pub(crate) changes: &'a Changes,
    /// What was applied, and its bytes.
    pub(crate) store: &'a dyn Store,
    /// Whose changes.
    pub(crate) scope: &'a Scope,
    /// Whether the files run as they are now.
    pub(crate) working_copy: bool,
}

/// A change that is ready to be taken back.
#[derive(Clone)]
pub(crate) struct Prepared {
    /// What runs.
    pub(crate) ready: Arc<Ready>,
    /// The entry of the application that is taken back.
    pub(crate) application: Entry,
}

/// A change's code, and where it is from.
enum Found<'a> {
    /// A file of the working copy, which has the bytes that ran, or is to run as it is.
    File(&'a Item),
    /// The bytes that ran.
    Kept(Box<Item>),
}

impl Archive<'_> {
    /// Makes a change ready: its code loaded, its mode chosen by its rollback.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, and what the store says.
    pub(crate) async fn prepare(&self, planned: &Planned) -> Result<Prepared, Fault> {
        let query = EntryQuery::at(self.scope.clone(), planned.application());
        let mut entries = self.store.entries(&query).await?.into_iter();
        let Some(application) = entries.find(|entry| entry.record.change_id == planned.change_id) else {
            let wrong = format!("the entry that applied `{}` is not there", planned.change_id);
            return Err(StoreError::Damaged(wrong).into());
        };
        let ready = self.ready(planned, &application.record).await.map_err(Fault::from_problems)?;
        Ok(Prepared { ready: Arc::new(ready), application })
    }

    async fn ready(&self, planned: &Planned, record: &Record) -> Result<Ready, Vec<Problem>> {
        let found = self.found(planned, record).await?;
        let item = match &found {
            Found::File(item) => *item,
            Found::Kept(item) => item,
        };
        self.is_configured(item, record)?;
        let runner = match record.template_digest {
            Some(digest) if !self.working_copy && item.file.digest == record.digest => {
                Some(match item.source {
                    Some(_) => Runner::Language(self.language(&item.file, record, digest).await?),
                    None => Runner::Template(self.template(item, record, digest).await?),
                })
            }
            _ => None,
        };
        let meaning = if item.file.digest == record.digest { record.meaning } else { item.file.meaning };
        let change = self.placed(planned, Change { meaning, ..item.change() });
        let ready = self.preparing.ready_to_undo(&change, item, runner).await?;
        Ok(ready)
    }

    /// The bytes that ran; else a file with equal digest, or the file as it is where that is asked for.
    async fn found(&self, planned: &Planned, record: &Record) -> Result<Found<'_>, Vec<Problem>> {
        let id = &planned.change_id;
        let file = self.changes.item(id);
        if self.working_copy {
            return file.map(Found::File).ok_or_else(|| {
                let message = format!("the working copy has no file for change `{id}`");
                vec![
                    Problem::error("audit::no-artifact", message)
                        .help("put its file back, or leave `--working-copy` out"),
                ]
            });
        }
        if let Some(item) = file.filter(|item| item.file.digest == record.digest) {
            return Ok(Found::File(item));
        }
        let kept =
            self.store.artifact(record.digest).await.map_err(|error| vec![unreadable(&error.into())])?;
        if let (Some(bytes), Some(name)) = (kept, &record.file_name) {
            let file = ChangeFile::from_bytes(name, format!("{ARCHIVE}/{name}"), bytes.into())?;
            let language = match (&file.kind, record.template_digest) {
                (FileKind::Source, Some(digest)) => Some(self.language(&file, record, digest).await?),
                _ => None,
            };
            return Item::of_archive(file, language, self.preparing.runtime, self.store)
                .await
                .map(Box::new)
                .map(Found::Kept);
        }
        // Of what a person counted as applied nothing ran: what was accepted since stands for it.
        let accepted = planned.state.applied.as_ref().filter(|_| record.state != Some(State::Applied));
        let accepted = accepted.map(|applied| applied.digest);
        if let Some(item) = file.filter(|item| Some(item.file.digest) == accepted) {
            return Ok(Found::File(item));
        }
        let message = format!("the archive does not have what change `{id}` applied");
        Err(vec![match file {
            Some(item) => {
                Problem::error("audit::no-artifact", format!("{message}, and its file is another one now"))
                    .at(Place::file(item.file.shown.as_str()))
                    .help("if its rollback fits what is there, run the same command with `--working-copy`")
            }
            None => Problem::error("audit::no-artifact", format!("{message}, and it has no file")).help(
                "put its file back, then run the same command; an edited one runs with `--working-copy`",
            ),
        }])
    }

    /// The template that ran it: today's, if it is still the same, else the one that was kept.
    async fn template(
        &self,
        item: &Item,
        record: &Record,
        digest: Digest,
    ) -> Result<Arc<Template>, Vec<Problem>> {
        let Preparing { config, runtime, templates, .. } = self.preparing;
        let name = item.file.template(config);
        let todays = match name {
            Some(name) => templates.get(name, config, runtime).await.ok(),
            None => None,
        };
        if let Some(todays) = todays.filter(|template| template.component.digest() == digest) {
            return Ok(todays);
        }
        match self.store.artifact(digest).await.map_err(|error| vec![unreadable(&error.into())])? {
            Some(bytes) => {
                templates.of_archive(digest, bytes, runtime).await.map_err(|problem| vec![problem])
            }
            None => Err(vec![not_kept("template", record, &item.file)]),
        }
    }

    /// The language plugin that ran it, in the same way.
    async fn language(
        &self,
        file: &ChangeFile,
        record: &Record,
        digest: Digest,
    ) -> Result<Arc<Language>, Vec<Problem>> {
        let Preparing { config, runtime, templates, .. } = self.preparing;
        let todays = templates.languages.get(&file.name.extension, config, runtime).await.ok();
        if let Some(todays) = todays.filter(|language| language.component.digest() == digest) {
            return Ok(todays);
        }
        match self.store.artifact(digest).await.map_err(|error| vec![unreadable(&error.into())])? {
            Some(bytes) => {
                let language = templates.languages.of_archive(digest, bytes, runtime).await;
                language.map_err(|problem| vec![problem])
            }
            None => Err(vec![not_kept("plugin", record, file)]),
        }
    }

    /// The systems that it needs may have left the configuration since.
    fn is_configured(&self, item: &Item, record: &Record) -> Result<(), Vec<Problem>> {
        let names = std::iter::once(&item.info.target_system).chain(&item.info.uses);
        let gone = names.filter(|name| self.preparing.config.system(name.as_str()).is_none());
        let problems: Vec<Problem> = gone
            .map(|name| {
                let message =
                    format!("change `{}` was applied to `{name}`, which is not configured", record.change_id);
                Problem::error("change::unknown-target", message)
                    .at(Place::file(item.file.shown.as_str()))
                    .help("put that system back into `target-systems` until the change is taken back")
            })
            .collect();
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// With its place in its stage now; where it has no file any more, with the one that was recorded last.
    fn placed(&self, planned: &Planned, change: Change) -> Change {
        let changes = self.changes.stages.iter().flat_map(|Stage { changes, .. }| changes);
        let (order, name) = match changes.into_iter().find(|change| change.id == planned.change_id) {
            Some(now) => (now.order.clone(), now.name.clone()),
            None => (planned.state.order.clone(), planned.state.name.as_str().into()),
        };
        Change { order, name, ..change }
    }
}

/// What ran a change is neither in the archive nor what would run it today.
fn not_kept(what: &str, record: &Record, file: &ChangeFile) -> Problem {
    let message = format!(
        "the archive does not have the {what} that ran change `{}`, and today's is another one",
        record.change_id
    );
    Problem::error("audit::no-artifact", message)
        .at(Place::file(file.shown.as_str()))
        .help(format!("if today's {what} fits, run the same command with `--working-copy`"))
}

fn unreadable(fault: &Fault) -> Problem {
    let problem = Problem::error(fault.code, fault.message.clone());
    fault.help.clone().into_iter().fold(problem, Problem::help)
}
