//! One connection: statements in batches of one round trip, portals for long results, and the state of the transaction
//! as the server tells it after each.
//!
//! Statements are never named and results come as text, so that this works through a pooler that gives each transaction
//! another connection, and for every type that a server has.

mod answer;
mod reading;

use std::io;

use postgres_protocol::IsNull;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend::{self, BindError};

use sandpiper_runtime::guest::Level;

use super::connect::Canceller;
use super::errors::{Failure, ServerError};
use super::values;
use super::wire::Wire;
use crate::network::Beat;
use crate::servers::statement::{Argument, Statement};
pub(crate) use answer::{Answer, Field, affected};
use answer::{cells, fields};
use reading::{Keep, Reading, Taken};

/// How many notices are kept until somebody asks for them.
const MOST_NOTICES: usize = 1000;

/// A connection to a server.
pub(crate) struct Client {
    wire: Wire,
    canceller: Canceller,
    status: Status,
    unsynced: bool,
    /// Why it cannot be used any more.
    lost: Option<String>,
    notices: Vec<Notice>,
}

/// Whether a transaction is open, as the server said last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// None.
    Idle,
    /// One is.
    Open,
    /// One is, and a statement in it failed: nothing but its end is possible.
    Failed,
}

/// Something that a server remarks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) severity: String,
    pub(crate) message: String,
}

impl Notice {
    /// How loud it is.
    pub(crate) fn level(&self) -> Level {
        match self.severity.as_str() {
            "WARNING" => Level::Warn,
            "DEBUG" | "DEBUG1" | "DEBUG2" | "DEBUG3" | "DEBUG4" | "DEBUG5" => Level::Debug,
            _ => Level::Info,
        }
    }
}

impl Client {
    pub(crate) fn new(wire: Wire, canceller: Canceller) -> Self {
        Self { wire, canceller, status: Status::Idle, unsynced: false, lost: None, notices: Vec::new() }
    }

    pub(crate) fn status(&self) -> Status {
        self.status
    }

    /// Why it cannot be used any more, if it cannot.
    pub(crate) fn lost(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    pub(crate) fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// What the server remarked since it was asked last.
    pub(crate) fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Runs statements in one round trip. After one that fails the rest is not run; without an open transaction all of
    /// them are one.
    pub(crate) async fn batch(&mut self, statements: &[Statement<'_>]) -> Result<Vec<Answer>, Failure> {
        self.begin()?;
        for statement in statements {
            self.write_parse(&statement.text)?;
            self.write_bind("", &statement.arguments)?;
            frontend::execute("", 0, self.wire.out()).map_err(unsendable)?;
        }
        frontend::sync(self.wire.out());
        self.collect(Keep::All, statements.len()).await
    }

    /// Runs one statement and gives its answer.
    pub(crate) async fn one(&mut self, text: &str, arguments: Vec<Argument<'_>>) -> Result<Answer, Failure> {
        let mut answers = self.batch(&[Statement::new(text, arguments)]).await?;
        Ok(answers.pop().unwrap_or_default())
    }

    /// Runs a statement once for each row of arguments, in one round trip; rows that it gives are dropped.
    pub(crate) async fn many<'a>(
        &mut self,
        text: &str,
        rows: impl Iterator<Item = Vec<Argument<'a>>>,
    ) -> Result<Vec<Answer>, Failure> {
        self.begin()?;
        self.write_parse(text)?;
        let mut expected = 0;
        for arguments in rows {
            self.write_bind("", &arguments)?;
            frontend::execute("", 0, self.wire.out()).map_err(unsendable)?;
            expected += 1;
        }
        frontend::sync(self.wire.out());
        self.collect(Keep::None, expected).await
    }

    /// Lets the server say which columns a statement gives; none when it gives no rows.
    pub(crate) async fn describe(&mut self, text: &str) -> Result<Vec<Field>, Failure> {
        self.begin()?;
        self.write_parse(text)?;
        frontend::describe(b'S', "", self.wire.out()).map_err(unsendable)?;
        frontend::sync(self.wire.out());
        let mut answers = self.collect(Keep::All, 1).await?;
        Ok(answers.pop().unwrap_or_default().fields)
    }

    /// Begins a statement as a portal, and gives its first rows. Without `sync` the implicit transaction that it is in
    /// stays open, and only [`Self::fetch`] and [`Self::sync`] may follow.
    pub(crate) async fn open(
        &mut self,
        portal: &str,
        text: &str,
        arguments: &[Argument<'_>],
        most: i32,
        sync: bool,
    ) -> Result<Answer, Failure> {
        self.begin()?;
        self.write_parse(text)?;
        self.write_bind(portal, arguments)?;
        self.write_fetch(portal, most, sync)?;
        self.fetched(sync).await
    }

    /// The next rows of a portal: at most so many.
    pub(crate) async fn fetch(&mut self, portal: &str, most: i32, sync: bool) -> Result<Answer, Failure> {
        self.begin()?;
        self.write_fetch(portal, most, sync)?;
        self.fetched(sync).await
    }

    /// Closes a portal, together with whatever is sent next.
    pub(crate) fn close_portal(&mut self, portal: &str) -> Result<(), Failure> {
        frontend::close(b'P', portal, self.wire.out()).map_err(unsendable)
    }

    /// Whether something was begun without `sync`.
    pub(crate) fn is_unsynced(&self) -> bool {
        self.unsynced
    }

    /// Ends what was begun without it. In an open transaction it only says that we are there.
    pub(crate) async fn sync(&mut self) -> Result<(), Failure> {
        self.begin()?;
        frontend::sync(self.wire.out());
        self.collect(Keep::None, 1).await.map(drop)
    }

    /// Says good-bye. A server that does not hear it notices by itself.
    pub(crate) async fn terminate(&mut self) {
        if self.lost.is_none() {
            frontend::terminate(self.wire.out());
            drop(self.wire.send().await);
            self.lost = Some("it was ended".to_owned());
        }
    }

    /// Gives the connection up: what is under way on it will not be waited for.
    pub(crate) fn abandon(&mut self, why: &str) {
        self.lost.get_or_insert_with(|| why.to_owned());
    }

    /// Called before anything is sent. A call that was not waited for leaves the connection unusable.
    fn begin(&mut self) -> Result<(), Failure> {
        match &self.lost {
            Some(why) => Err(Failure::Lost(why.clone())),
            None => {
                self.lost = Some("an earlier call was not waited for".to_owned());
                Ok(())
            }
        }
    }

    fn write_parse(&mut self, text: &str) -> Result<(), Failure> {
        if text.contains('\0') {
            self.wire.out().clear();
            self.lost = None;
            return Err(Failure::Refused("the statement holds the character `\\0`".to_owned()));
        }
        frontend::parse("", text, [], self.wire.out()).map_err(unsendable)
    }

    fn write_bind(&mut self, portal: &str, arguments: &[Argument<'_>]) -> Result<(), Failure> {
        let formats = arguments.iter().map(|argument| i16::from(matches!(argument, Argument::Bytes(_))));
        let serialize = |argument: &Argument<'_>, buffer: &mut bytes::BytesMut| {
            match argument {
                Argument::Null => return Ok(IsNull::Yes),
                Argument::Flag(flag) => buffer.extend_from_slice(flag.to_string().as_bytes()),
                Argument::Integer(number) => buffer.extend_from_slice(number.to_string().as_bytes()),
                Argument::Unsigned(number) => buffer.extend_from_slice(number.to_string().as_bytes()),
                Argument::Double(number) => buffer.extend_from_slice(values::double(*number).as_bytes()),
                Argument::Decimal(text) | Argument::Text(text) => buffer.extend_from_slice(text.as_bytes()),
                Argument::Bytes(bytes) => buffer.extend_from_slice(bytes),
            }
            Ok(IsNull::No)
        };
        let written = frontend::bind(portal, "", formats, arguments, serialize, [], self.wire.out());
        written.map_err(|error| {
            // What was written so far must not be sent.
            self.wire.out().clear();
            self.lost = None;
            match error {
                BindError::Conversion(error) => Failure::Refused(error.to_string()),
                BindError::Serialization(error) => Failure::Refused(error.to_string()),
            }
        })
    }

    fn write_fetch(&mut self, portal: &str, most: i32, sync: bool) -> Result<(), Failure> {
        frontend::execute(portal, most, self.wire.out()).map_err(unsendable)?;
        match sync {
            true => frontend::sync(self.wire.out()),
            false => frontend::flush(self.wire.out()),
        }
        Ok(())
    }

    async fn fetched(&mut self, sync: bool) -> Result<Answer, Failure> {
        if sync {
            return Ok(self.collect(Keep::All, 1).await?.pop().unwrap_or_default());
        }
        self.unsynced = true;
        let mut reading = Reading::new(Keep::All, 1);
        loop {
            let message = self.next().await?;
            match self.take(&mut reading, message)? {
                // After an error the server reads on only from the next `Sync`.
                Taken::Error => {
                    frontend::sync(self.wire.out());
                    return Ok(self.collected(reading).await?.pop().unwrap_or_default());
                }
                Taken::Ended => {
                    self.lost = None;
                    return Ok(reading.answers.pop().unwrap_or_default());
                }
                Taken::Going | Taken::Ready => {}
            }
        }
    }

    async fn collect(&mut self, keep: Keep, expected: usize) -> Result<Vec<Answer>, Failure> {
        self.collected(Reading::new(keep, expected)).await
    }

    /// Reads until the server is ready for more.
    async fn collected(&mut self, mut reading: Reading) -> Result<Vec<Answer>, Failure> {
        loop {
            let message = self.next().await?;
            if matches!(self.take(&mut reading, message)?, Taken::Ready) {
                break;
            }
        }
        self.lost = None;
        if let Some(why) = reading.refused {
            return Err(Failure::Refused(why));
        }
        if let Some((error, statement)) = reading.error {
            return Err(Failure::Server(Box::new(error), statement));
        }
        if !reading.current.fields.is_empty() {
            reading.answers.push(reading.current);
        }
        Ok(reading.answers)
    }

    async fn next(&mut self) -> Result<Message, Failure> {
        self.wire.next().await.map_err(|error| self.gone(error.to_string()))
    }

    fn gone(&mut self, why: String) -> Failure {
        self.lost = Some(why.clone());
        Failure::Lost(why)
    }

    fn take(&mut self, reading: &mut Reading, message: Message) -> Result<Taken, Failure> {
        match message {
            Message::RowDescription(body) => {
                reading.current.fields = fields(&body).map_err(|error| self.gone(error.to_string()))?;
            }
            Message::DataRow(body) if reading.keep == Keep::All => {
                reading.current.rows.push(cells(&body).map_err(|error| self.gone(error.to_string()))?);
            }
            Message::CommandComplete(body) => {
                let tag = body.tag().map_err(|error| self.gone(error.to_string()))?;
                reading.ends(tag, false);
                return Ok(Taken::Ended);
            }
            Message::EmptyQueryResponse => {
                reading.ends("", false);
                return Ok(Taken::Ended);
            }
            Message::PortalSuspended => {
                reading.ends("", true);
                return Ok(Taken::Ended);
            }
            Message::ErrorResponse(body) => {
                let error = ServerError::read(body.fields());
                if error.is_fatal() {
                    return Err(self.gone(error.said()));
                }
                let statement = reading.answers.len();
                reading.error.get_or_insert((error, statement));
                return Ok(Taken::Error);
            }
            Message::NoticeResponse(body) => {
                let ServerError { severity, message, .. } = ServerError::read(body.fields());
                if self.notices.len() < MOST_NOTICES {
                    self.notices.push(Notice { severity, message });
                }
            }
            Message::CopyInResponse(_) if reading.expected > 1 => {
                // What follows it was read as data: nobody can tell any more which answer is to what.
                return Err(self.gone("`COPY .. FROM STDIN` was sent among other statements".to_owned()));
            }
            Message::CopyInResponse(_) => {
                reading.refuses_copy();
                // The server has skipped the `Sync` that stands before this.
                frontend::copy_fail("refused", self.wire.out()).map_err(unsendable)?;
                frontend::sync(self.wire.out());
            }
            Message::CopyOutResponse(_) => reading.refuses_copy(),
            Message::ReadyForQuery(body) => {
                self.status = match body.status() {
                    b'T' => Status::Open,
                    b'E' => Status::Failed,
                    _ => Status::Idle,
                };
                self.unsynced = false;
                return Ok(Taken::Ready);
            }
            _ => {}
        }
        Ok(Taken::Going)
    }
}

impl Beat for Client {
    async fn beat(&mut self) -> bool {
        // Outside of a transaction the server waits as long as it takes.
        if self.lost.is_none() && self.status != Status::Idle && !self.unsynced {
            drop(self.sync().await);
        }
        self.lost.is_none()
    }
}

fn unsendable(error: io::Error) -> Failure {
    Failure::Lost(error.to_string())
}
