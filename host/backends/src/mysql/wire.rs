//! Packets to and from a server, and the parts that they are made of.

use std::io;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use crate::network::{Buffered, Socket};

/// The longest packet, in bytes; what is longer travels in several.
const MOST: usize = 0xFF_FFFF;
/// The longest message that is taken, in bytes: a bound for what one row of a server may take here.
const LONGEST: usize = 256 << 20;

/// A connection, as packets.
pub(crate) struct Wire {
    stream: Buffered,
    /// The number of the next packet within its command.
    sequence: u8,
}

impl Wire {
    pub(crate) fn new(socket: Box<dyn Socket>) -> Self {
        Self { stream: Buffered::new(socket), sequence: 0 }
    }

    /// Puts another socket in the place of this one: the same, encrypted.
    pub(crate) async fn replaced<F>(self, replace: impl FnOnce(Box<dyn Socket>) -> F) -> Result<Self, String>
    where
        F: Future<Output = Result<Box<dyn Socket>, String>>,
    {
        let socket = replace(self.stream.into_socket()).await?;
        Ok(Self { stream: Buffered::new(socket), sequence: self.sequence })
    }

    /// Writes the first packet of a command.
    pub(crate) fn command(&mut self, command: u8, parts: &[&[u8]]) {
        self.sequence = 0;
        let mut packet = BytesMut::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
        packet.put_u8(command);
        parts.iter().for_each(|part| packet.put_slice(part));
        self.packet(&packet);
    }

    /// Writes a packet that goes on with what is under way.
    pub(crate) fn packet(&mut self, content: &[u8]) {
        let out = &mut self.stream.outgoing;
        let mut rest = content;
        loop {
            let (part, more) = rest.split_at(rest.len().min(MOST));
            out.put_uint_le(part.len() as u64, 3);
            out.put_u8(self.sequence);
            out.put_slice(part);
            self.sequence = self.sequence.wrapping_add(1);
            // One that is full is followed by another, if only by an empty one.
            if part.len() < MOST {
                return;
            }
            rest = more;
        }
    }

    /// How many bytes wait to be sent.
    pub(crate) fn pending(&self) -> usize {
        self.stream.outgoing.len()
    }

    /// Sends everything, without waiting for an answer.
    pub(crate) async fn send(&mut self) -> io::Result<()> {
        self.stream.send().await
    }

    /// The next packet from the server.
    pub(crate) async fn next(&mut self) -> io::Result<Parts> {
        let mut joined: Option<BytesMut> = None;
        loop {
            let part = self.part().await?;
            let is_last = part.len() < MOST;
            match (&mut joined, is_last) {
                (None, true) => return Ok(Parts(part)),
                (None, false) => joined = Some(BytesMut::from(&*part)),
                (Some(joined), _) => joined.extend_from_slice(&part),
            }
            if joined.as_ref().is_some_and(|joined| joined.len() > LONGEST) {
                let message = format!("the server sent a message of more than {LONGEST} bytes");
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            if is_last {
                return Ok(Parts(joined.unwrap_or_default().freeze()));
            }
        }
    }

    async fn part(&mut self) -> io::Result<Bytes> {
        loop {
            if let Some([a, b, c, sequence]) = self.stream.incoming.first_chunk() {
                let length = usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16;
                if self.stream.incoming.len() >= length + 4 {
                    self.sequence = sequence.wrapping_add(1);
                    self.stream.incoming.advance(4);
                    return Ok(self.stream.incoming.split_to(length).freeze());
                }
            }
            self.stream.receive().await?;
        }
    }
}

/// What is left of a packet.
#[derive(Debug, Clone)]
pub(crate) struct Parts(Bytes);

impl From<Bytes> for Parts {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl Parts {
    /// The byte that tells what a packet is.
    pub(crate) fn first(&self) -> Option<u8> {
        self.0.first().copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// So many bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> io::Result<Bytes> {
        match count <= self.0.len() {
            true => Ok(self.0.split_to(count)),
            false => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "a packet of the server's ends too early"))
            }
        }
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let bytes = self.bytes(N)?;
        bytes.first_chunk().copied().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
    }

    pub(crate) fn u8(&mut self) -> io::Result<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> io::Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> io::Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> io::Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A number whose first byte says how long it is; none where that byte stands for no value.
    pub(crate) fn number(&mut self) -> io::Result<Option<u64>> {
        Ok(Some(match self.u8()? {
            0xFB => return Ok(None),
            0xFC => self.u16()?.into(),
            0xFD => self.array::<3>().map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]))?.into(),
            0xFE => self.u64()?,
            small => small.into(),
        }))
    }

    /// Bytes whose count stands before them; none where there is no value.
    pub(crate) fn counted(&mut self) -> io::Result<Option<Bytes>> {
        let Some(count) = self.number()? else { return Ok(None) };
        self.bytes(usize::try_from(count).unwrap_or(usize::MAX)).map(Some)
    }

    /// A text whose length stands before it.
    pub(crate) fn text(&mut self) -> io::Result<String> {
        Ok(self.counted()?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default())
    }

    /// What stands before the next zero byte, or the rest.
    pub(crate) fn until_zero(&mut self) -> Bytes {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        let found = self.0.split_to(end);
        if !self.0.is_empty() {
            self.0.advance(1);
        }
        found
    }

    pub(crate) fn rest(self) -> Bytes {
        self.0
    }
}

/// Writes a number as [`Parts::number`] reads it.
pub(crate) fn put_number(out: &mut BytesMut, number: u64) {
    match number {
        0..=0xFA => out.put_uint_le(number, 1),
        0xFB..=0xFFFF => {
            out.put_u8(0xFC);
            out.put_uint_le(number, 2);
        }
        0x1_0000..=0xFF_FFFF => {
            out.put_u8(0xFD);
            out.put_uint_le(number, 3);
        }
        _ => {
            out.put_u8(0xFE);
            out.put_u64_le(number);
        }
    }
}

/// Writes bytes as [`Parts::counted`] reads them.
pub(crate) fn put_counted(out: &mut BytesMut, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.put_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_are_read_as_they_are_written() {
        for number in [0, 0xFA, 0xFB, 0xFC, 0xFFFF, 0x1_0000, 0xFF_FFFF, 0x100_0000, u64::MAX] {
            let mut out = BytesMut::new();
            put_number(&mut out, number);
            assert_eq!(Parts(out.freeze()).number().unwrap(), Some(number));
        }
        let mut out = BytesMut::new();
        put_counted(&mut out, b"abc");
        assert_eq!(Parts(out.freeze()).text().unwrap(), "abc");
        assert!(Parts(Bytes::from_static(b"\x05ab")).counted().is_err());
    }
}
