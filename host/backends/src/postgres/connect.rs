//! Making a connection: the network, encryption, and who we are.

use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use fallible_iterator::FallibleIterator as _;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Handle;

use super::address::Address;
use super::client::Client;
use super::errors::{Failure, ServerError};
use super::wire::Wire;
use crate::network::{self, Cancel, Mode, Socket};

/// What names the backend of a connection when it is to be interrupted.
#[derive(Clone)]
pub(crate) struct Canceller {
    address: Arc<Address>,
    network: Handle,
    process: i32,
    secret: i32,
}

impl Cancel for Canceller {
    async fn cancel(&self) {
        let Self { address, process, secret, .. } = self;
        let ask = async {
            let mut socket = open(address).await?;
            let mut request = BytesMut::new();
            frontend::cancel_request(*process, *secret, &mut request);
            let sent = async {
                socket.write_all(&request).await?;
                socket.flush().await?;
                // The server closes the connection once it has passed the request on.
                let mut nothing = [0; 1];
                socket.read(&mut nothing).await
            };
            sent.await.map(drop).map_err(|error| Failure::Lost(error.to_string()))
        };
        drop(tokio::time::timeout(address.connect_timeout, ask).await);
    }

    fn network(&self) -> &Handle {
        &self.network
    }
}

/// Makes a connection. It waits for the network on that thread, and may be used on any.
pub(crate) async fn connect(address: &Arc<Address>, network: &Handle) -> Result<Client, Failure> {
    let (own, handle) = (address.clone(), network.clone());
    let connecting = network.spawn(async move {
        let limit = own.connect_timeout;
        match tokio::time::timeout(limit, start(&own, handle)).await {
            Ok(connected) => connected,
            Err(_) => Err(Failure::Lost(format!("no answer within {} s", limit.as_secs()))),
        }
    });
    let connected = match connecting.await {
        Ok(connected) => connected,
        Err(error) => Err(Failure::Lost(error.to_string())),
    };
    connected.map_err(|failure| match failure {
        Failure::Lost(why) => Failure::Lost(format!("`{}`: {why}", address.place())),
        Failure::Refused(why) => Failure::Refused(format!("`{}`: {why}", address.place())),
        Failure::Version(why) => Failure::Version(format!("`{}`: {why}", address.place())),
        Failure::Server(mut error, statement) => {
            error.message = format!("`{}`: {}", address.place(), error.message);
            Failure::Server(error, statement)
        }
    })
}

/// A connection to the server, encrypted as the address says.
async fn open(address: &Address) -> Result<Box<dyn Socket>, Failure> {
    if address.is_local_socket() {
        let path = format!("{}/.s.PGSQL.{}", address.host, address.port);
        return Ok(Box::new(UnixStream::connect(path).await.map_err(unreachable)?));
    }
    let mut socket = TcpStream::connect((address.host.as_str(), address.port)).await.map_err(unreachable)?;
    // Small messages must not wait for more; a connection that cannot be tuned works all the same.
    drop(socket.set_nodelay(true));
    if address.protection.mode == Mode::Disable {
        return Ok(Box::new(socket));
    }
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    let asked = async {
        socket.write_all(&request).await?;
        socket.read_u8().await
    };
    match asked.await.map_err(unreachable)? {
        b'S' => network::encrypt(socket, &address.host, &address.protection).await.map_err(Failure::Refused),
        _ if address.protection.mode == Mode::Prefer => Ok(Box::new(socket)),
        _ => Err(Failure::Refused(
            "the server does not encrypt connections, and `sslmode` asks for it: switch `ssl` on there"
                .to_owned(),
        )),
    }
}

fn unreachable(error: io::Error) -> Failure {
    Failure::Lost(error.to_string())
}

async fn start(address: &Arc<Address>, network: Handle) -> Result<Client, Failure> {
    let mut wire = Wire::new(open(address).await?);
    let mut parameters = vec![
        ("user", address.user.as_str()),
        ("database", address.database.as_str()),
        ("application_name", address.application_name.as_str()),
        ("client_encoding", "UTF8"),
        ("DateStyle", "ISO"),
    ];
    parameters.extend(address.options.as_deref().map(|options| ("options", options)));
    frontend::startup_message(parameters, wire.out()).map_err(unreachable)?;
    let mut scram: Option<ScramSha256> = None;
    loop {
        match wire.next().await.map_err(unreachable)? {
            Message::AuthenticationOk => break,
            Message::AuthenticationCleartextPassword => {
                let password = password(address)?;
                frontend::password_message(password.as_bytes(), wire.out()).map_err(unreachable)?;
            }
            Message::AuthenticationMd5Password(body) => {
                let password = password(address)?;
                let hash = md5_hash(address.user.as_bytes(), password.as_bytes(), body.salt());
                frontend::password_message(hash.as_bytes(), wire.out()).map_err(unreachable)?;
            }
            Message::AuthenticationSasl(body) => {
                let mut mechanisms = body.mechanisms();
                let mut offered = false;
                while let Ok(Some(mechanism)) = mechanisms.next() {
                    offered |= mechanism == SCRAM_SHA_256;
                }
                if !offered {
                    return Err(Failure::Refused("the server offers no SCRAM-SHA-256".to_owned()));
                }
                let started = ScramSha256::new(password(address)?.as_bytes(), ChannelBinding::unsupported());
                frontend::sasl_initial_response(SCRAM_SHA_256, started.message(), wire.out())
                    .map_err(unreachable)?;
                scram = Some(started);
            }
            Message::AuthenticationSaslContinue(body) => {
                let scram = scram.as_mut().ok_or_else(out_of_order)?;
                scram.update(body.data()).map_err(unreachable)?;
                frontend::sasl_response(scram.message(), wire.out()).map_err(unreachable)?;
            }
            Message::AuthenticationSaslFinal(body) => {
                let scram = scram.as_mut().ok_or_else(out_of_order)?;
                scram.finish(body.data()).map_err(|error| {
                    Failure::Refused(format!("the server does not know the password itself: {error}"))
                })?;
            }
            Message::ErrorResponse(body) => {
                return Err(Failure::Server(Box::new(ServerError::read(body.fields())), 0));
            }
            Message::NoticeResponse(_) | Message::ParameterStatus(_) => {}
            _ => {
                return Err(Failure::Refused(
                    "the server asks for a way to authenticate that Sandpiper does not know: it knows passwords \
                     (SCRAM-SHA-256, MD5) and client certificates"
                        .to_owned(),
                ));
            }
        }
    }
    let (mut process, mut secret) = (0, 0);
    loop {
        match wire.next().await.map_err(unreachable)? {
            Message::BackendKeyData(body) => (process, secret) = (body.process_id(), body.secret_key()),
            Message::ErrorResponse(body) => {
                return Err(Failure::Server(Box::new(ServerError::read(body.fields())), 0));
            }
            Message::ReadyForQuery(_) => break,
            _ => {}
        }
    }
    let canceller = Canceller { address: address.clone(), network, process, secret };
    Ok(Client::new(wire, canceller))
}

fn password(address: &Address) -> Result<&str, Failure> {
    address.password.as_deref().ok_or_else(|| {
        let user = &address.user;
        Failure::Refused(format!("the server asks for the password of `{user}`, and the address has none"))
    })
}

fn out_of_order() -> Failure {
    Failure::Refused("the server answered out of order while it authenticated us".to_owned())
}
