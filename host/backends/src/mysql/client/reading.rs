//! The answers to what was sent, while they are read: rows and their columns, and what the server says of its state.

use std::io;

use super::{Answer, Client};
use crate::mysql::cells::{self, Field};
use crate::mysql::errors::{Failure, ServerError, number};
use crate::mysql::wire::Parts;
use crate::servers::cells::Cells;

/// What a server says of its state with each answer.
pub(super) mod flag {
    pub(in super::super) const IN_TRANSACTION: u16 = 0x0001;
    pub(in super::super) const AUTOCOMMIT: u16 = 0x0002;
    pub(in super::super) const MORE_RESULTS: u16 = 0x0008;
    pub(in super::super) const CURSOR: u16 = 0x0040;
    pub(in super::super) const LAST_ROW: u16 = 0x0080;
}

/// In which form rows come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Binary,
}

impl Client {
    /// All that comes of one statement: of several results, as a `CALL` has them, the first that has rows.
    pub(super) async fn answered(&mut self, form: Form, statement: usize) -> Result<Answer, Failure> {
        let mut first = self.answer(form, statement).await?;
        while self.flags & flag::MORE_RESULTS != 0 {
            let further = self.answer(form, statement).await?;
            if first.fields.is_empty() {
                first = further;
            }
        }
        self.lost = None;
        Ok(first)
    }

    /// What comes of one statement of a text.
    pub(super) async fn answer(&mut self, form: Form, statement: usize) -> Result<Answer, Failure> {
        let mut packet = self.next().await?;
        self.refused(&packet, statement)?;
        if packet.first() == Some(0x00) {
            let affected = self.done(packet).map_err(|error| self.gone(error.to_string()))?;
            return Ok(Answer { affected, ..Answer::default() });
        }
        let count = packet.number().map_err(|error| self.gone(error.to_string()))?;
        let Some(count) = count else {
            // The answer to it would be a file of this machine.
            return Err(self.gone("the server asked for a file, which `LOAD DATA LOCAL` does".to_owned()));
        };
        let fields = self.fields(count).await?;
        if self.flags & flag::CURSOR != 0 {
            return Ok(Answer { fields, has_cursor: true, ..Answer::default() });
        }
        let rows = self.rows(form, &fields, statement).await?;
        Ok(Answer { fields, rows, ..Answer::default() })
    }

    /// The descriptions of columns, and what ends them.
    pub(super) async fn fields(&mut self, count: u64) -> Result<Vec<Field>, Failure> {
        let mut fields = Vec::new();
        if count == 0 {
            return Ok(fields);
        }
        for _ in 0..count {
            let packet = self.next().await?;
            let field = Field::read(packet, self.is_extended);
            fields.push(field.map_err(|error| self.gone(error.to_string()))?);
        }
        let packet = self.next().await?;
        self.ended(packet)?;
        Ok(fields)
    }

    pub(super) async fn rows(
        &mut self,
        form: Form,
        fields: &[Field],
        statement: usize,
    ) -> Result<Vec<Cells>, Failure> {
        let mut rows = Vec::new();
        loop {
            let packet = self.next().await?;
            self.refused(&packet, statement)?;
            // A row may begin with this byte too, and is longer then.
            if packet.first() == Some(0xFE) && packet.len() < 9 {
                self.ended(packet)?;
                return Ok(rows);
            }
            if self.drops_rows {
                continue;
            }
            let row = match form {
                Form::Text => cells::of_text(packet, fields),
                Form::Binary => cells::of_binary(packet, fields),
            };
            rows.push(row.map_err(|error| self.gone(error.to_string()))?);
        }
    }

    /// Reads what a statement without rows is answered with. Gives how many rows it affected.
    fn done(&mut self, mut packet: Parts) -> io::Result<u64> {
        packet.u8()?;
        let affected = packet.number()?.unwrap_or_default();
        packet.number()?;
        let flags = packet.u16()?;
        self.told(flags, packet.u16()?);
        Ok(affected)
    }

    /// Reads what ends columns and rows.
    fn ended(&mut self, mut packet: Parts) -> Result<(), Failure> {
        let mut read = || {
            packet.u8()?;
            Ok((packet.u16()?, packet.u16()?))
        };
        let read: io::Result<_> = read();
        let (warnings, flags) = read.map_err(|error| self.gone(error.to_string()))?;
        self.told(flags, warnings);
        Ok(())
    }

    fn told(&mut self, flags: u16, warnings: u16) {
        (self.flags, self.warnings, self.is_doubtful) = (flags, warnings, false);
    }

    /// Fails where a packet says no.
    pub(super) fn refused(&mut self, packet: &Parts, statement: usize) -> Result<(), Failure> {
        if packet.first() != Some(0xFF) {
            return Ok(());
        }
        let error = ServerError::read(packet.clone());
        if error.is_fatal() {
            return Err(self.gone(error.said()));
        }
        self.is_doubtful = true;
        self.flags &= !flag::MORE_RESULTS;
        // After this one the server reads no further.
        let is_over = error.is(number::PACKET_TOO_LARGE);
        self.lost = is_over.then(|| error.said());
        Err(Failure::Server(Box::new(error), statement))
    }

    pub(super) async fn next(&mut self) -> Result<Parts, Failure> {
        self.wire.next().await.map_err(|error| self.gone(error.to_string()))
    }

    pub(super) fn gone(&mut self, why: String) -> Failure {
        self.lost = Some(why.clone());
        Failure::Lost(why)
    }
}
