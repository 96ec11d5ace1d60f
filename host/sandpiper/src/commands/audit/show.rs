//! `audit show`: everything that is kept of a change: its entries, the calls of an attempt, the bytes that ran.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use sandpiper_engine::calls::{self, UnreadableCalls};
use sandpiper_engine::change::ChangeId;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::{Entry, Sequence};
use sandpiper_engine::fault::{Blame, Fault};
use sandpiper_engine::store::{EntryQuery, Store, StoreError};
use sandpiper_engine::suggest::nearest;

use super::super::Sandpiper;
use crate::report::{ArtifactReport, CallReport, EntryReport, Finished, HistoryReport};

/// What is shown of a change besides its entries.
#[derive(Debug, Clone, Default)]
pub struct Showing {
    /// The calls of its newest attempt.
    pub calls: bool,
    /// The calls of this attempt instead, by its id or the beginning of it.
    pub attempt: Option<String>,
    /// The bytes that ran, written to this file, which must not be there yet.
    pub artifact: Option<PathBuf>,
}

/// What ran, from the archive.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// The digest of its bytes.
    pub digest: Digest,
    /// The file as it was.
    pub bytes: Vec<u8>,
}

impl Sandpiper {
    /// Everything that was recorded about a change.
    pub async fn audit_show(&self, id: &str, showing: &Showing) -> Finished<HistoryReport> {
        match self.shown(id, showing).await {
            Ok(report) => Finished::done(report),
            Err(fault) => Finished::refused(self.secrets.redact_fault(fault)),
        }
    }

    /// The bytes that ran last of a change, from the archive: not those of an edit that was accepted since.
    ///
    /// # Errors
    ///
    /// `audit::no-artifact` when they are not kept, `audit::broken` when they are not what was kept.
    pub async fn audit_artifact(&self, id: &str) -> Result<Artifact, Fault> {
        let read = async {
            let store = self.store()?;
            let entries = self.entries_about(&*store, id).await?;
            archived(&*store, id, ran(&entries)).await
        };
        read.await.map_err(|fault| self.secrets.redact_fault(fault))
    }

    async fn shown(&self, id: &str, showing: &Showing) -> Result<HistoryReport, Fault> {
        let store = self.store()?;
        let entries = self.entries_about(&*store, id).await?;
        let newest = newest(&entries);
        let calls = match (&showing.attempt, showing.calls) {
            (None, false) => None,
            (None, true) => Some(of_attempt(&entries, newest)),
            (Some(name), _) => Some(named(&entries, id, name)?),
        };
        let calls = match calls {
            Some(entries) => Some(self.calls_of(&*store, &entries).await?),
            None => None,
        };
        let artifact = match &showing.artifact {
            Some(file) => Some(written(file, &archived(&*store, id, ran(&entries)).await?)?),
            None => None,
        };
        let entry = newest.cloned().map(EntryReport::from);
        let history = entries.into_iter().map(EntryReport::from).collect();
        Ok(HistoryReport { entry, history, calls, artifact })
    }

    /// All entries of a change; none where there is no store yet.
    async fn entries_about(&self, store: &dyn Store, id: &str) -> Result<Vec<Entry>, Fault> {
        let Ok(change_id) = ChangeId::new(id) else { return Err(never_tried(id, &[])) };
        // Entries are shown as they stand also where something else of the audit is damaged.
        let entries = store.entries(&EntryQuery::of_change(self.scope(), change_id)).await?;
        if entries.is_empty() {
            if store.states(&self.scope()).await?.is_none() {
                return Ok(Vec::new());
            }
            let newest = EntryQuery { newest_only: true, ..EntryQuery::all(self.scope()) };
            return Err(never_tried(id, &store.entries(&newest).await?));
        }
        Ok(entries)
    }

    async fn calls_of(&self, store: &dyn Store, entries: &[&Entry]) -> Result<Vec<CallReport>, Fault> {
        let places: Vec<Sequence> = entries.iter().map(|entry| entry.sequence).collect();
        let target = entries.first().map(|entry| entry.record.target_system.as_str()).unwrap_or_default();
        let mut reports = Vec::new();
        for (_, text) in store.calls(&self.scope(), &places).await? {
            let calls = calls::read(&text).map_err(|error| match error {
                UnreadableCalls::Damaged(_) => StoreError::Damaged(error.to_string()),
                UnreadableCalls::Newer(_) => StoreError::Version(error.to_string()),
            })?;
            reports.extend(calls.into_iter().map(|call| CallReport::new(call, target)));
        }
        Ok(reports)
    }
}

/// The newest entry with a state.
fn newest(entries: &[Entry]) -> Option<&Entry> {
    entries.iter().rev().find(|entry| entry.record.state.is_some())
}

/// The entry that says what ran last: the first of its attempt, for an edit that was accepted since repeats the last. Of
/// what a person counted as applied nothing ran, and the newest entry stands for it.
fn ran(entries: &[Entry]) -> Option<&Entry> {
    let newest = newest(entries);
    of_attempt(entries, newest).into_iter().find(|entry| entry.record.state.is_some()).or(newest)
}

/// The entries of the attempt that an entry is about.
fn of_attempt<'e>(entries: &'e [Entry], of: Option<&Entry>) -> Vec<&'e Entry> {
    let Some(attempt) = of.and_then(|entry| entry.record.attempt_id.as_ref()) else { return Vec::new() };
    entries.iter().filter(|entry| entry.record.attempt_id.as_ref() == Some(attempt)).collect()
}

/// The entries of the attempt whose id begins like this.
fn named<'e>(entries: &'e [Entry], id: &str, name: &str) -> Result<Vec<&'e Entry>, Fault> {
    let is_named = |entry: &&Entry| {
        entry
            .record
            .attempt_id
            .as_ref()
            .is_some_and(|attempt| !name.is_empty() && attempt.0.starts_with(name))
    };
    match entries.iter().rev().find(is_named) {
        Some(entry) => Ok(of_attempt(entries, Some(entry))),
        None => Err(Fault::usage(format!("no attempt of `{id}` begins with `{name}`"))
            .with_help(format!("see the attempts with `sandpiper audit show {id} --format json`"))),
    }
}

/// The bytes that an entry is about.
async fn archived(store: &dyn Store, id: &str, entry: Option<&Entry>) -> Result<Artifact, Fault> {
    let digest = entry.map(|entry| entry.record.digest);
    if let Some(digest) = digest
        && let Some(bytes) = store.artifact(digest).await?
    {
        return Ok(Artifact { digest, bytes });
    }
    let message = match digest {
        Some(digest) => {
            format!("the file of `{id}` with the digest `{}` is not in the archive", digest.short())
        }
        None => format!("nothing of `{id}` is in the archive: there is no audit yet"),
    };
    Err(Fault::new("audit::no-artifact", Blame::User, message).with_help(
        "it was pruned, never ran, or ran with `keep-artifacts: false`: look for it in your repository",
    ))
}

/// Writes the bytes to a file of their own.
fn written(file: &Path, artifact: &Artifact) -> Result<ArtifactReport, Fault> {
    let shown = file.display();
    let mut to = OpenOptions::new().write(true).create_new(true).open(file).map_err(|error| {
        if error.kind() == ErrorKind::AlreadyExists {
            Fault::usage(format!("`{shown}` is there already, and is not overwritten"))
                .with_help("name another file, or `-` for standard output")
        } else {
            Fault::usage(format!("`{shown}` cannot be made: {error}"))
        }
    })?;
    if let Err(error) = to.write_all(&artifact.bytes) {
        // Half of it is worse than nothing.
        drop(std::fs::remove_file(file));
        return Err(Fault::usage(format!("`{shown}` cannot be written: {error}")));
    }
    let size = artifact.bytes.len() as u64;
    Ok(ArtifactReport { file: shown.to_string(), digest: artifact.digest, size })
}

fn never_tried(id: &str, known: &[Entry]) -> Fault {
    let help = match nearest(id, known.iter().map(|entry| entry.record.change_id.as_str())) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => "see what was tried with `sandpiper audit list`".to_owned(),
    };
    Fault::usage(format!("the audit has nothing about a change `{id}`")).with_help(help)
}
