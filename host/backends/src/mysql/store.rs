//! The audit store in a MySQL or MariaDB database.
//!
//! A lease is a row and no lock of a session; a transaction that the server took back, because it stood in another's way,
//! is tried again as a whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sandpiper_engine::change::ChangeId;
use sandpiper_engine::diagnosis::Finding;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::{Entry, Record, Sequence, Token};
use sandpiper_engine::scope::{LockKey, Scope};
use sandpiper_engine::state::States;
use sandpiper_engine::store::{
    Acquisition, AppendError, Appended, ChainReport, Condition, Draft, EntryQuery, Holder, Lease, LockStatus,
    Owner, Pruned, Pruning, Renewal, StepMark, Store, StoreError,
};

use super::chain::{EntriesError, Refused, Unfinished};
use super::client::Client;
use super::database::Database;
use super::errors::{Failure, number};
use super::{archive, chain, diagnosis, lease, progress, prune, rights, schema, states};
use crate::servers::failure::{Explain as _, store_error};
use crate::servers::pool::{Pool, Tries, in_time, patiently, retried};
use crate::servers::rows;
use crate::servers::statement::Statement;
use crate::sum::headless;

/// How often the tables are begun to be made, where the connection is lost meanwhile.
const PREPARATIONS: u32 = 3;

/// An audit store: tables named `sandpiper_*` in a database, which may be that of a target.
pub struct MysqlStore {
    pool: Pool<Database>,
    /// Whether its tables were found, in a version that this host knows.
    ready: AtomicBool,
}

impl MysqlStore {
    /// The store in a database. Nothing is connected to or made yet.
    pub fn new(database: Arc<Database>) -> Self {
        Self { pool: Pool::new(database), ready: AtomicBool::new(false) }
    }

    /// Whether the tables are there, in a version that this host can read.
    async fn is_there(&self) -> Result<bool, StoreError> {
        if self.ready.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let version = self.version().await?;
        Ok(self.found(version))
    }

    fn found(&self, version: usize) -> bool {
        self.ready.fetch_or(version == schema::VERSION, Ordering::Relaxed);
        version > 0
    }

    async fn version(&self) -> Result<usize, StoreError> {
        let read = retried!(self, client => client.one(schema::VALUE, vec!["schema".into()]));
        match read {
            Ok(answer) => schema::version(answer.rows.first().map(|row| row.text(0)).transpose().in_store()?),
            Err(Failure::Server(error, _)) if error.is(number::MISSING_TABLE) => Ok(0),
            Err(failure) => Err(self.with_grants(store_error(&failure)).await),
        }
    }

    /// Where rights are missing, with what gives them.
    async fn with_grants(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Rights(said) => StoreError::Rights(rights::missing(&self.pool.database, &said).await),
            other => other,
        }
    }

    /// Before something is written.
    async fn expect(&self) -> Result<(), StoreError> {
        if self.is_there().await? { Ok(()) } else { Err(self.not_made()) }
    }

    fn not_made(&self) -> StoreError {
        let place = self.pool.database.address().place();
        StoreError::Refused(format!("`{place}` holds no audit yet"))
    }

    /// Tries again what was certainly not appended, and finds out about what may have been.
    async fn settled(
        &self,
        tries: &mut Tries,
        scope: &Scope,
        unfinished: Unfinished,
    ) -> Result<Option<Appended>, AppendError> {
        let failure = match unfinished {
            Unfinished::Refused(Refused::Append(error)) => return Err(error),
            Unfinished::Refused(Refused::Failure(failure)) => failure,
            Unfinished::Unknown(appended) => {
                let newest: Option<&Entry> = appended.0.iter().flatten().last();
                let Some(newest) = newest else { return Ok(Some(appended)) };
                if retried!(self, client => chain::holds(&mut client, scope, newest)).in_store()? {
                    return Ok(Some(appended));
                }
                Failure::Lost("the connection was lost before the commit".to_owned())
            }
        };
        tries.again(&self.pool, failure).await.in_store()?;
        Ok(None)
    }
}

/// Raises a lock's token and writes a note under it, in one transaction.
async fn break_lock(client: &mut Client, key: &LockKey, note: &Record) -> Result<Option<Holder>, Refused> {
    client.batch(&schema::begin_writing()).await?;
    let (held, lease) = lease::take_away(client, key).await?;
    let draft = Draft { record: note.clone(), condition: Condition::Always, calls: None };
    chain::append(client, &lease, &[draft]).await?;
    client.batch(&[Statement::plain("COMMIT")]).await?;
    Ok(held)
}

#[async_trait]
impl Store for MysqlStore {
    async fn states(&self, scope: &Scope) -> Result<Option<States>, StoreError> {
        let version = Statement::new(schema::VALUE, ["schema".into()]);
        let mut asked = schema::begin_looking();
        let begin = asked.len();
        asked.extend([version, chain::recorded_end(scope), states::all(scope), Statement::plain("COMMIT")]);
        let mut again = true;
        let answers = loop {
            match retried!(self, client => schema::rolled_back_unless(&mut client, &asked)) {
                Ok(answers) => break answers,
                Err(Failure::Server(error, _)) if error.is(number::MISSING_TABLE) => {
                    if self.version().await? == 0 {
                        return Ok(None);
                    }
                    // Another host made the tables between the two looks: they are there now.
                    if !std::mem::take(&mut again) {
                        return Err(store_error(&Failure::Server(error, 0)));
                    }
                }
                Err(failure) => return Err(self.with_grants(store_error(&failure)).await),
            }
        };
        let mut answers = answers.into_iter().skip(begin);
        let version = answers.next().and_then(|answer| answer.rows.into_iter().next());
        let version = schema::version(version.as_ref().map(|row| row.text(0)).transpose().in_store()?)?;
        if !self.found(version) {
            return Ok(None);
        }
        let end = answers.next().and_then(|answer| answer.rows.into_iter().next());
        let states = rows::states::read(&answers.next().unwrap_or_default().rows)?;
        match end.as_ref().map(rows::chain::end).transpose().in_store()? {
            Some(end) => end.holds(&states)?,
            None if retried!(self, client => chain::is_headless(&mut client)).in_store()? => {
                return Err(headless());
            }
            None => {}
        }
        Ok(Some(states))
    }

    async fn prepare(&self) -> Result<(), StoreError> {
        self.version().await.map(|version| self.found(version))?;
        if self.ready.load(Ordering::Relaxed) {
            return Ok(());
        }
        for left in (0..PREPARATIONS).rev() {
            let mut client = self.pool.client().await.in_store()?;
            let Err(error) = schema::migrate(&mut client).await else { break };
            drop(client);
            // A host that froze meanwhile finds its connection cut when it wakes.
            if !matches!(error, StoreError::Unreachable(_)) || left == 0 {
                return Err(self.with_grants(error).await);
            }
        }
        self.ready.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn acquire(
        &self,
        key: &LockKey,
        owner: &Owner,
        length: Duration,
        gone: Option<Token>,
    ) -> Result<Acquisition, StoreError> {
        self.expect().await?;
        let acquisition = uuid::Uuid::new_v4().to_string();
        let mut tries = Tries::default();
        loop {
            let tried = async {
                let mut client = self.pool.client().await?;
                // Waiting for somebody's lease must not disturb the holder's renewals.
                let found = lease::find(&mut client, key).await?;
                if let Some((found, written)) = &found
                    && *written == acquisition
                {
                    // Ours: it was the answer that got lost.
                    let lease = Lease { key: key.clone(), token: found.token };
                    return Ok(Some(Acquisition::Taken { lease, expired: None }));
                }
                if let Some(holder) = found.as_ref().and_then(|(found, _)| found.held())
                    && gone != Some(holder.token)
                {
                    return Ok(Some(Acquisition::Held(holder.clone())));
                }
                lease::acquire(&mut client, key, owner, length, gone, &acquisition).await
            };
            match patiently(tried).await {
                Ok(Some(acquisition)) => return Ok(acquisition),
                // Somebody was quicker: who, is known by looking again.
                Ok(None) => {}
                Err(failure) => tries.again(&self.pool, failure).await.in_store()?,
            }
        }
    }

    async fn renew(&self, lease: &Lease, length: Duration) -> Result<Renewal, StoreError> {
        // One that hangs must leave time for a further try.
        let limit = length / 6;
        let renewed = async {
            let mut client = self.pool.client().await?;
            lease::renew(&mut client, lease, length).await
        };
        match in_time(limit, renewed).await.in_store()? {
            true => Ok(Renewal::Renewed),
            false => Ok(Renewal::Lost),
        }
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        retried!(self, client => lease::release(&mut client, lease)).in_store()
    }

    async fn break_lock(&self, key: &LockKey, note: Record) -> Result<Option<Holder>, StoreError> {
        if !self.is_there().await? {
            return Ok(None);
        }
        let mut tries = Tries::default();
        loop {
            let mut client = self.pool.client().await.in_store()?;
            let refused = match patiently(break_lock(&mut client, key, &note)).await {
                Ok(held) => return Ok(held),
                Err(refused) => refused,
            };
            schema::roll_back(&mut client).await;
            match refused {
                Refused::Failure(failure) => tries.again(&self.pool, failure).await.in_store()?,
                Refused::Append(AppendError::Store(error)) => return Err(error),
                Refused::Append(other) => return Err(StoreError::Refused(other.to_string())),
            }
        }
    }

    async fn locks(&self, scope: &Scope) -> Result<Vec<LockStatus>, StoreError> {
        if !self.is_there().await? {
            return Ok(Vec::new());
        }
        retried!(self, client => lease::all(&mut client, scope)).in_store()
    }

    async fn append(&self, lease: &Lease, drafts: &[Draft]) -> Result<Appended, AppendError> {
        self.expect().await?;
        let mut tries = Tries::default();
        loop {
            let tried = async {
                let mut client = self.pool.client().await?;
                chain::append_alone(&mut client, lease, drafts).await
            };
            let unfinished = match patiently(tried).await {
                Ok(appended) => return Ok(appended),
                Err(unfinished) => unfinished,
            };
            if let Some(appended) = self.settled(&mut tries, &lease.key.scope, unfinished).await? {
                return Ok(appended);
            }
        }
    }

    async fn entries(&self, query: &EntryQuery) -> Result<Vec<Entry>, StoreError> {
        if !self.is_there().await? {
            return Ok(Vec::new());
        }
        let mut tries = Tries::default();
        loop {
            let tried = async {
                let mut client = self.pool.client().await?;
                chain::entries(&mut client, query).await
            };
            match tried.await {
                Ok(entries) => return Ok(entries),
                Err(EntriesError::Damaged(why)) => return Err(StoreError::Damaged(why)),
                Err(EntriesError::Failure(failure)) => tries.again(&self.pool, failure).await.in_store()?,
            }
        }
    }

    async fn calls(
        &self,
        scope: &Scope,
        sequences: &[Sequence],
    ) -> Result<Vec<(Sequence, String)>, StoreError> {
        if sequences.is_empty() || !self.is_there().await? {
            return Ok(Vec::new());
        }
        retried!(self, client => chain::calls(&mut client, scope, sequences)).in_store()
    }

    async fn prune(&self, scope: &Scope, before: Timestamp, gone: &[Lease]) -> Result<Pruning, StoreError> {
        if !self.is_there().await? {
            return Ok(Pruning::Done(Pruned::default()));
        }
        let mut client = self.pool.client().await.in_store()?;
        prune::prune(&mut client, scope, before, gone).await
    }

    async fn verify(&self, scope: &Scope) -> Result<ChainReport, StoreError> {
        if !self.is_there().await? {
            return Ok(ChainReport { entries: 0, broken: None });
        }
        let mut client = self.pool.client().await.in_store()?;
        chain::verify(&mut client, scope).await.in_store()
    }

    async fn keep(
        &self,
        artifacts: &[(Digest, Arc<[u8]>)],
        descriptions: &[(Digest, String)],
    ) -> Result<(), StoreError> {
        self.expect().await?;
        let missing = {
            let mut client = self.pool.client().await.in_store()?;
            archive::missing(&mut client, artifacts, descriptions).await?
        };
        retried!(self, client => missing.put(&mut client)).in_store()
    }

    async fn artifact(&self, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        if !self.is_there().await? {
            return Ok(None);
        }
        let mut client = self.pool.client().await.in_store()?;
        archive::artifact(&mut client, digest).await
    }

    async fn descriptions(&self, digests: &[Digest]) -> Result<Vec<(Digest, String)>, StoreError> {
        if digests.is_empty() || !self.is_there().await? {
            return Ok(Vec::new());
        }
        retried!(self, client => archive::descriptions(&mut client, digests)).in_store()
    }

    async fn put_checkpoint(&self, lease: &Lease, change: &ChangeId, data: &[u8]) -> Result<(), AppendError> {
        self.expect().await?;
        let mut tries = Tries::default();
        loop {
            let tried = async {
                let mut client = self.pool.client().await?;
                progress::put_checkpoint(&mut client, lease, change, data).await.map_err(Unfinished::from)
            };
            let Err(unfinished) = patiently(tried).await else { return Ok(()) };
            self.settled(&mut tries, &lease.key.scope, unfinished).await?;
        }
    }

    async fn checkpoint(&self, scope: &Scope, change: &ChangeId) -> Result<Option<Vec<u8>>, StoreError> {
        if !self.is_there().await? {
            return Ok(None);
        }
        retried!(self, client => progress::checkpoint(&mut client, scope, change)).in_store()
    }

    async fn put_step(&self, lease: &Lease, change: &ChangeId, mark: &StepMark) -> Result<(), AppendError> {
        self.expect().await?;
        let mut tries = Tries::default();
        loop {
            let tried = async {
                let mut client = self.pool.client().await?;
                progress::put_step(&mut client, lease, change, mark).await.map_err(Unfinished::from)
            };
            let Err(unfinished) = patiently(tried).await else { return Ok(()) };
            self.settled(&mut tries, &lease.key.scope, unfinished).await?;
        }
    }

    async fn steps(&self, scope: &Scope, change: &ChangeId) -> Result<Vec<StepMark>, StoreError> {
        if !self.is_there().await? {
            return Ok(Vec::new());
        }
        retried!(self, client => progress::steps(&mut client, scope, change)).in_store()
    }

    async fn forget_progress(
        &self,
        lease: &Lease,
        change: &ChangeId,
        newest: Sequence,
    ) -> Result<(), AppendError> {
        self.expect().await?;
        let mut tries = Tries::default();
        loop {
            let tried = async {
                let mut client = self.pool.client().await?;
                progress::forget(&mut client, lease, change, newest).await.map_err(Unfinished::from)
            };
            let Err(unfinished) = patiently(tried).await else { return Ok(()) };
            self.settled(&mut tries, &lease.key.scope, unfinished).await?;
        }
    }

    async fn identity(&self) -> Result<String, StoreError> {
        self.expect().await?;
        let read = retried!(self, client => client.one(schema::VALUE, vec!["identity".into()])).in_store()?;
        let damaged =
            || StoreError::Damaged("its table `sandpiper_store` does not say which store it is".to_owned());
        read.rows.first().ok_or_else(damaged)?.text(0).map(str::to_owned).in_store()
    }

    async fn diagnose(&self, scope: &Scope) -> Vec<Finding> {
        diagnosis::store(&self.pool.database, scope).await
    }
}
