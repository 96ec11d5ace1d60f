//! Bytes to and from a server: what is to be sent goes out while answers come in, so that neither side waits for the
//! other however much is under way.

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// What bytes travel on: plain or encrypted, TCP or a socket of this machine.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Socket for T {}

/// A socket, with what was received and not read yet, and what was written and not sent yet.
pub(crate) struct Buffered {
    socket: Box<dyn Socket>,
    pub(crate) incoming: BytesMut,
    pub(crate) outgoing: BytesMut,
    unflushed: bool,
}

impl Buffered {
    pub(crate) fn new(socket: Box<dyn Socket>) -> Self {
        Self { socket, incoming: BytesMut::new(), outgoing: BytesMut::new(), unflushed: false }
    }

    /// The socket itself, to be encrypted.
    #[cfg(feature = "mysql")]
    pub(crate) fn into_socket(self) -> Box<dyn Socket> {
        self.socket
    }

    /// Sends everything, without waiting for an answer.
    pub(crate) async fn send(&mut self) -> io::Result<()> {
        self.socket.write_all(&self.outgoing).await?;
        self.outgoing.clear();
        self.socket.flush().await
    }

    /// Sends until something was received.
    pub(crate) async fn receive(&mut self) -> io::Result<()> {
        if self.move_bytes().await? == 0 {
            let message = "the server closed the connection";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
        }
        Ok(())
    }

    /// Gives how much was received.
    async fn move_bytes(&mut self) -> io::Result<usize> {
        poll_fn(|context| {
            while !self.outgoing.is_empty() {
                match Pin::new(&mut self.socket).poll_write(context, &self.outgoing) {
                    Poll::Ready(Ok(sent)) => {
                        self.outgoing.advance(sent);
                        self.unflushed = true;
                    }
                    // Why it will not listen any more is among what it said.
                    Poll::Ready(Err(_)) => self.outgoing.clear(),
                    Poll::Pending => break,
                }
            }
            if self.unflushed
                && self.outgoing.is_empty()
                && Pin::new(&mut self.socket).poll_flush(context).is_ready()
            {
                self.unflushed = false;
            }
            pin!(self.socket.read_buf(&mut self.incoming)).poll(context)
        })
        .await
    }
}
