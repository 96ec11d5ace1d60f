//! One connection: the host's own statements as text, those of changes prepared, cursors for long results, and the
//! state of the transaction as the server tells it with every answer but an error.

mod reading;

use std::borrow::Cow;
use std::io;

use bytes::{BufMut as _, BytesMut};

use super::cells::Field;
use super::connect::{Canceller, Texts};
use super::errors::{Failure, ServerError};
use super::server::{Flavour, Server, capability};
use super::wire::Wire;
use crate::network::Beat;
use crate::servers::cells::Cells;
use crate::servers::statement::{Argument, Statement};
use reading::{Form, flag};

/// What a client asks for: the first byte of a command.
mod command {
    pub(super) const QUIT: u8 = 0x01;
    pub(super) const QUERY: u8 = 0x03;
    pub(super) const PING: u8 = 0x0E;
    pub(super) const PREPARE: u8 = 0x16;
    pub(super) const EXECUTE: u8 = 0x17;
    pub(super) const CLOSE: u8 = 0x19;
    pub(super) const FETCH: u8 = 0x1C;
}

const NOT_WAITED_FOR: &str = "an earlier call was not waited for";

/// How many bytes are written before answers are read; and, so that the answers fit in between, for how many rows.
const AT_ONCE: usize = 512 * 1024;
const ROWS_AT_ONCE: usize = 256;

/// How long a text of several statements becomes, in bytes; servers take 16 MiB, where they are not told otherwise.
const MOST_TOGETHER: usize = 1 << 20;

/// A connection to a server.
pub(crate) struct Client {
    wire: Wire,
    canceller: Canceller,
    server: Server,
    /// Whether columns are described with what only MariaDB says.
    is_extended: bool,
    texts: Texts,
    flags: u16,
    warnings: u16,
    /// Whether an error came after the flags: it may have ended a transaction.
    is_doubtful: bool,
    /// Whether the rows of what is under way are read and dropped.
    drops_rows: bool,
    /// Why it cannot be used any more.
    lost: Option<String>,
}

/// Whether a transaction is open, as the server said last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// None.
    Idle,
    /// One is.
    Open,
    /// A statement failed since it said so, and may have ended it: [`Client::ping`] finds out.
    Doubtful,
}

/// What came of one statement.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) fields: Vec<Field>,
    pub(crate) rows: Vec<Cells>,
    /// How many rows were written, or found by an `UPDATE`.
    pub(crate) affected: u64,
    /// Whether the rows wait to be fetched.
    pub(crate) has_cursor: bool,
}

/// A statement that the server keeps for this connection.
#[derive(Debug)]
pub(crate) struct Prepared {
    id: u32,
    parameters: usize,
    /// The columns that it gives; none when it gives no rows.
    pub(crate) fields: Vec<Field>,
}

impl Client {
    pub(crate) fn new(wire: Wire, canceller: Canceller, server: Server, agreed: u64, texts: Texts) -> Self {
        Self {
            wire,
            canceller,
            is_extended: server.flavour == Flavour::MariaDb && agreed & capability::EXTENDED_METADATA != 0,
            server,
            texts,
            flags: flag::AUTOCOMMIT,
            warnings: 0,
            is_doubtful: false,
            drops_rows: false,
            lost: None,
        }
    }

    /// Which server it is.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    pub(crate) fn status(&self) -> Status {
        match (self.is_doubtful, self.flags & flag::IN_TRANSACTION != 0) {
            (true, _) => Status::Doubtful,
            (false, true) => Status::Open,
            (false, false) => Status::Idle,
        }
    }

    /// Whether statements outside a transaction commit by themselves.
    pub(crate) fn is_autocommit(&self) -> bool {
        self.flags & flag::AUTOCOMMIT != 0
    }

    /// How many warnings the last statement gave.
    pub(crate) fn warnings(&self) -> u16 {
        self.warnings
    }

    /// Why it cannot be used any more, if it cannot.
    pub(crate) fn lost(&self) -> Option<&str> {
        self.lost.as_deref()
    }

    pub(crate) fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// Runs statements of the host's, one after the other. After one that fails the rest is not run.
    pub(crate) async fn batch(&mut self, statements: &[Statement<'_>]) -> Result<Vec<Answer>, Failure> {
        let texts: Vec<Cow<'_, str>> = statements.iter().map(Statement::filled).collect::<Result<_, _>>()?;
        let mut answers = Vec::with_capacity(texts.len());
        match self.texts {
            Texts::Several => {
                let mut rest = texts.as_slice();
                while !rest.is_empty() {
                    let (now, later) = rest.split_at(together(rest));
                    self.begin()?;
                    self.wire.command(command::QUERY, &[now.join(";\n").as_bytes()]);
                    loop {
                        answers.push(self.answer(Form::Text, answers.len()).await?);
                        if self.flags & flag::MORE_RESULTS == 0 {
                            break;
                        }
                    }
                    self.lost = None;
                    rest = later;
                }
            }
            Texts::One => {
                for text in texts {
                    self.begin()?;
                    self.wire.command(command::QUERY, &[text.as_bytes()]);
                    answers.push(self.answered(Form::Text, answers.len()).await?);
                }
            }
        }
        Ok(answers)
    }

    /// Runs one statement and gives its answer.
    pub(crate) async fn one(&mut self, text: &str, arguments: Vec<Argument<'_>>) -> Result<Answer, Failure> {
        let mut answers = self.batch(&[Statement::new(text, arguments)]).await?;
        Ok(answers.pop().unwrap_or_default())
    }

    /// Runs a statement of a change's as it stands. Rows that it gives are dropped.
    pub(crate) async fn run(&mut self, text: &str) -> Result<u64, Failure> {
        self.begin()?;
        self.wire.command(command::QUERY, &[text.as_bytes()]);
        self.drops_rows = true;
        let answered = self.answered(Form::Text, 0).await;
        self.drops_rows = false;
        answered.map(|answer| answer.affected)
    }

    /// Lets the server say what state it is in.
    pub(crate) async fn ping(&mut self) -> Result<(), Failure> {
        self.begin()?;
        self.wire.command(command::PING, &[]);
        self.answered(Form::Text, 0).await.map(drop)
    }

    /// Prepares a statement.
    pub(crate) async fn prepare(&mut self, text: &str) -> Result<Prepared, Failure> {
        self.begin()?;
        self.wire.command(command::PREPARE, &[text.as_bytes()]);
        let mut packet = self.next().await?;
        self.refused(&packet, 0)?;
        let head = (|| {
            packet.u8()?;
            Ok((packet.u32()?, packet.u16()?, packet.u16()?))
        })();
        let (id, columns, parameters) = head.map_err(|error: io::Error| self.gone(error.to_string()))?;
        self.fields(parameters.into()).await?;
        let fields = self.fields(columns.into()).await?;
        self.lost = None;
        Ok(Prepared { id, parameters: parameters.into(), fields })
    }

    /// Runs a prepared statement. With `cursor`, rows that it gives wait to be fetched where the server can keep them.
    pub(crate) async fn execute(
        &mut self,
        prepared: &Prepared,
        arguments: &[Argument<'_>],
        cursor: bool,
    ) -> Result<Answer, Failure> {
        self.begin()?;
        if let Err(failure) = self.write_execute(prepared, arguments, cursor) {
            self.lost = None;
            return Err(failure);
        }
        self.answered(Form::Binary, 0).await
    }

    /// Runs a prepared statement once for each row of arguments, without waiting in between: also those after one that
    /// fails are run. Rows that it gives are dropped. An error tells which row it was.
    pub(crate) async fn execute_all(
        &mut self,
        prepared: &Prepared,
        rows: &[Vec<Argument<'_>>],
    ) -> Result<u64, Failure> {
        if let Some((row, given)) =
            rows.iter().map(Vec::len).enumerate().find(|(_, given)| *given != prepared.parameters)
        {
            return Err(uneven(given, prepared.parameters, Some(row)));
        }
        let mut first = None;
        let mut affected = 0;
        let mut done = 0;
        while done < rows.len() && first.is_none() {
            self.begin()?;
            let begun = done;
            while done < rows.len() && self.wire.pending() < AT_ONCE && done - begun < ROWS_AT_ONCE {
                self.write_execute(prepared, rows.get(done).map_or(&[], Vec::as_slice), false)?;
                done += 1;
            }
            for row in begun..done {
                match self.answered_among(Form::Binary, row).await {
                    Ok(answer) => affected += answer.affected,
                    Err(failure @ Failure::Server(..)) => {
                        first.get_or_insert(failure);
                    }
                    Err(failure) => return Err(failure),
                }
            }
            self.lost = None;
        }
        first.map_or(Ok(affected), Err)
    }

    /// Runs statements of the host's in one round trip, whatever comes of those before. Gives how many warnings each
    /// gave.
    pub(crate) async fn together(
        &mut self,
        texts: &[&str],
    ) -> Result<Vec<Result<u16, Box<ServerError>>>, Failure> {
        self.begin()?;
        texts.iter().for_each(|text| self.wire.command(command::QUERY, &[text.as_bytes()]));
        let mut answers = Vec::with_capacity(texts.len());
        for place in 0..texts.len() {
            answers.push(match self.answered_among(Form::Text, place).await {
                Ok(_) => Ok(self.warnings),
                Err(Failure::Server(error, _)) => Err(error),
                Err(failure) => return Err(failure),
            });
        }
        self.lost = None;
        Ok(answers)
    }

    /// All that comes of one of several statements that were sent together, without its rows.
    async fn answered_among(&mut self, form: Form, statement: usize) -> Result<Answer, Failure> {
        self.drops_rows = true;
        let answered = self.answered(form, statement).await;
        self.drops_rows = false;
        if self.lost.is_none() {
            self.lost = Some(NOT_WAITED_FOR.to_owned());
        }
        answered
    }

    fn write_execute(
        &mut self,
        prepared: &Prepared,
        arguments: &[Argument<'_>],
        cursor: bool,
    ) -> Result<(), Failure> {
        let (expected, given) = (prepared.parameters, arguments.len());
        if expected != given {
            return Err(uneven(given, expected, None));
        }
        let mut packet = BytesMut::new();
        packet.put_u32_le(prepared.id);
        packet.put_u8(u8::from(cursor));
        packet.put_u32_le(1);
        if !arguments.is_empty() {
            for eight in arguments.chunks(8) {
                let bit = |(place, argument): (usize, &Argument<'_>)| {
                    u8::from(matches!(argument, Argument::Null)) << place
                };
                packet.put_u8(eight.iter().enumerate().map(bit).sum());
            }
            packet.put_u8(1);
            arguments.iter().for_each(|argument| packet.put_slice(&argument.kind()));
            arguments.iter().for_each(|argument| argument.parameter(&mut packet));
        }
        self.wire.command(command::EXECUTE, &[&packet]);
        Ok(())
    }

    /// The next rows of a cursor: at most so many. False when there are no more after them.
    pub(crate) async fn fetch(
        &mut self,
        prepared: &Prepared,
        fields: &[Field],
        most: u32,
    ) -> Result<(Vec<Cells>, bool), Failure> {
        self.begin()?;
        self.wire.command(command::FETCH, &[&prepared.id.to_le_bytes(), &most.to_le_bytes()]);
        let rows = self.rows(Form::Binary, fields, 0).await?;
        self.lost = None;
        Ok((rows, self.flags & flag::LAST_ROW == 0))
    }

    /// Forgets a prepared statement and its cursor, together with whatever is sent next.
    pub(crate) fn close(&mut self, prepared: &Prepared) {
        self.wire.command(command::CLOSE, &[&prepared.id.to_le_bytes()]);
    }

    /// Says good-bye. A server that does not hear it notices by itself.
    pub(crate) async fn terminate(&mut self) {
        if self.lost.is_none() {
            self.wire.command(command::QUIT, &[]);
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
                self.lost = Some(NOT_WAITED_FOR.to_owned());
                Ok(())
            }
        }
    }
}

fn uneven(given: usize, expected: usize, row: Option<usize>) -> Failure {
    let row = row.map(|row| format!(" for row {row}")).unwrap_or_default();
    Failure::Refused(format!("the call gives {given} parameters{row}, but the statement has {expected}"))
}

impl Beat for Client {
    async fn beat(&mut self) -> bool {
        if self.lost.is_none() {
            drop(self.ping().await);
        }
        self.lost.is_none()
    }
}

/// How many of some texts go out together: at least one.
fn together(texts: &[Cow<'_, str>]) -> usize {
    let mut length = 0;
    let fits = texts.iter().take_while(|text| {
        length += text.len();
        length <= MOST_TOGETHER
    });
    fits.count().max(1)
}
