//! `audit`: the commands that read the trail, two of which print what is no document.

use std::io::{self, BufWriter, ErrorKind, Write};
use std::ops::ControlFlow;
use std::path::Path;

use sandpiper::audit::{self, Listing, Showing};
use sandpiper::engine::fault::Fault;
use sandpiper::report::{EntriesReport, EntryReport, Exit, Finished, PruneReport};
use sandpiper::{Rollout, Sandpiper};

use super::Session;
use crate::args::{AuditCommand, Format, Global};

/// Runs one of them, and gives the exit code.
pub(super) fn run(session: &Session<'_>, global: Global, command: AuditCommand) -> u8 {
    match command {
        AuditCommand::List { history, since, state } => {
            let listing = match listing(history, since.as_deref(), state.as_deref()) {
                Ok(listing) => listing,
                Err(fault) => return session.output.finish(&Finished::<EntriesReport>::refused(fault)),
            };
            let list = async move |project: &Sandpiper| project.audit_list(&listing).await;
            session.each(global, None, Rollout::default(), list)
        }
        AuditCommand::Show { id, artifact: Some(file), calls, attempt } if file == Path::new("-") => {
            if calls || attempt.is_some() || global.format == Format::Json {
                let fault = Fault::usage("`--artifact -` prints the bytes that ran and nothing else");
                return session.output.refuse(fault.with_help("name a file, or leave the other options out"));
            }
            bytes(session, global, &id)
        }
        AuditCommand::Show { id, calls, attempt, artifact } => {
            let showing = Showing { calls, attempt, artifact };
            session.with(global, None, async |project| project.audit_show(&id, &showing).await)
        }
        AuditCommand::Verify => {
            let verify = async |project: &Sandpiper| project.audit_verify().await;
            session.each(global, None, Rollout::default(), verify)
        }
        AuditCommand::Export => export(session, global),
        AuditCommand::Prune { older_than } => match audit::age(&older_than) {
            Ok(age) => session.with(global, None, async |project| project.audit_prune(age).await),
            Err(fault) => session.output.finish(&Finished::<PruneReport>::refused(fault)),
        },
    }
}

fn listing(history: bool, since: Option<&str>, state: Option<&str>) -> Result<Listing, Fault> {
    Ok(Listing {
        history,
        since: since.map(audit::since).transpose()?,
        state: state.map(audit::state).transpose()?,
    })
}

fn bytes(session: &Session<'_>, global: Global, id: &str) -> u8 {
    let read = session.on(global, None, async |project: &Sandpiper| project.audit_artifact(id).await);
    match read.flatten() {
        Ok(artifact) => session.output.bytes(&artifact.bytes),
        Err(fault) => session.output.refuse(fault),
    }
}

/// Prints every entry as a line of JSON. A reader that goes away has seen enough.
fn export(session: &Session<'_>, global: Global) -> u8 {
    let mut to = BufWriter::new(io::stdout().lock());
    let mut written = Ok(());
    let read = session.on(global, None, async |project: &Sandpiper| {
        project
            .audit_export(|entry| {
                written = line(&mut to, &entry);
                if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
            .await
    });
    let written = written.and_then(|()| to.flush());
    drop(to);
    match (read.flatten(), written) {
        (Err(fault), _) => session.output.refuse(fault),
        (Ok(()), Err(error)) if error.kind() != ErrorKind::BrokenPipe => {
            session.output.refuse(Fault::bug(format!("the entries could not be written: {error}")))
        }
        (Ok(()), _) => Exit::Done.code(),
    }
}

fn line(to: &mut impl Write, entry: &EntryReport) -> io::Result<()> {
    serde_json::to_writer(&mut *to, entry)?;
    to.write_all(b"\n")
}
