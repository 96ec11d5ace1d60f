//! Making a connection: the network, encryption, and who we are.

use std::io;
use std::sync::Arc;

use bytes::{BufMut as _, BytesMut};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Handle;

use super::address::Address;
use super::authenticate::{self, CACHING};
use super::client::Client;
use super::errors::{Failure, ServerError};
use super::server::{Flavour, Server, capability};
use super::wire::{Wire, put_counted};
use crate::network::{self, Cancel, Mode, Socket};

/// Whether the text of one call may hold several statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Texts {
    /// It may: the host's own go out together.
    Several,
    /// The server refuses a second one.
    One,
}

/// What names a connection when what runs on it is to be interrupted.
#[derive(Clone)]
pub(crate) struct Canceller {
    address: Arc<Address>,
    network: Handle,
    connection: u32,
}

impl Cancel for Canceller {
    async fn cancel(&self) {
        let Ok(mut client) = connect(&self.address, &self.network, Texts::One).await else { return };
        drop(client.one(&format!("KILL QUERY {}", self.connection), Vec::new()).await);
        client.terminate().await;
    }

    fn network(&self) -> &Handle {
        &self.network
    }
}

/// Makes a connection. It waits for the network on that thread, and may be used on any.
pub(crate) async fn connect(
    address: &Arc<Address>,
    network: &Handle,
    texts: Texts,
) -> Result<Client, Failure> {
    let (own, handle) = (address.clone(), network.clone());
    let connecting = network.spawn(async move {
        let limit = own.connect_timeout;
        match tokio::time::timeout(limit, start(&own, handle, texts)).await {
            Ok(connected) => connected,
            Err(_) => Err(Failure::Lost(format!("no answer within {} s", limit.as_secs()))),
        }
    });
    let connected = match connecting.await {
        Ok(connected) => connected,
        Err(error) => Err(Failure::Lost(error.to_string())),
    };
    let at = |why: String| format!("`{}`: {why}", address.place());
    connected.map_err(|failure| match failure {
        Failure::Lost(why) => Failure::Lost(at(why)),
        Failure::Refused(why) => Failure::Refused(at(why)),
        Failure::Version(why) => Failure::Version(at(why)),
        Failure::Server(mut error, statement) => {
            error.message = at(error.message);
            Failure::Server(error, statement)
        }
    })
}

async fn open(address: &Address) -> io::Result<Box<dyn Socket>> {
    if let Some(path) = &address.socket {
        return Ok(Box::new(UnixStream::connect(path).await?));
    }
    let socket = TcpStream::connect((address.host.as_str(), address.port)).await?;
    // Small messages must not wait for more; a connection that cannot be tuned works all the same.
    drop(socket.set_nodelay(true));
    Ok(Box::new(socket))
}

fn unreachable(error: io::Error) -> Failure {
    Failure::Lost(error.to_string())
}

async fn start(address: &Arc<Address>, network: Handle, texts: Texts) -> Result<Client, Failure> {
    let mut wire = Wire::new(open(address).await.map_err(unreachable)?);
    let greeting = wire.next().await.map_err(unreachable)?;
    if greeting.first() == Some(0xFF) {
        return Err(Failure::Server(Box::new(ServerError::read(greeting)), 0));
    }
    let server = Server::read(greeting).map_err(unreachable)?;
    server.check()?;
    let agreed = agreed(&server, texts);
    let mut is_private = address.socket.is_some();
    let mut agreed_on = agreed;
    if !is_private && address.protection.mode != Mode::Disable {
        if server.can(capability::SSL) {
            agreed_on |= capability::SSL;
            wire.packet(&head(&server, agreed_on));
            wire.send().await.map_err(unreachable)?;
            let encrypted = |socket| network::encrypt(socket, &address.host, &address.protection);
            wire = wire.replaced(encrypted).await.map_err(Failure::Refused)?;
            is_private = true;
        } else if address.protection.mode != Mode::Prefer {
            return Err(Failure::Refused(
                "the server does not encrypt connections, and `ssl-mode` asks for it: give it a certificate there"
                    .to_owned(),
            ));
        }
    }
    introduce(&mut wire, address, &server, agreed_on, is_private)?;
    admitted(&mut wire, address, &server, is_private).await?;
    let canceller = Canceller { address: address.clone(), network, connection: server.connection };
    Ok(Client::new(wire, canceller, server, agreed, texts))
}

/// What this client can do of what the server can.
fn agreed(server: &Server, texts: Texts) -> u64 {
    let mut asked = capability::FOUND_ROWS
        | capability::LONG_FLAG
        | capability::CONNECT_WITH_DB
        | capability::PROTOCOL_41
        | capability::TRANSACTIONS
        | capability::SECURE_CONNECTION
        | capability::MULTI_RESULTS
        | capability::PS_MULTI_RESULTS
        | capability::PLUGIN_AUTH
        | capability::PLUGIN_AUTH_COUNTED
        | capability::CONNECT_ATTRIBUTES;
    asked |= match server.flavour {
        Flavour::MySql => capability::CLIENT_MYSQL,
        Flavour::MariaDb => capability::EXTENDED_METADATA,
    };
    if texts == Texts::Several {
        asked |= capability::MULTI_STATEMENTS;
    }
    // What every server has is not always among what it says.
    let always = capability::CLIENT_MYSQL | capability::FOUND_ROWS | capability::LONG_FLAG;
    asked & (server.capabilities | always)
}

/// The first part of the answer to a greeting, which asks for encryption when it stands alone.
fn head(server: &Server, agreed: u64) -> BytesMut {
    let mut packet = BytesMut::new();
    packet.put_u32_le(u32::try_from(agreed & 0xFFFF_FFFF).unwrap_or_default());
    // The longest packet that is taken.
    packet.put_u32_le(1 << 30);
    // `utf8mb4`, with the order that each of them begins with.
    packet.put_u8(if server.flavour == Flavour::MySql { 255 } else { 45 });
    packet.put_bytes(0, 19);
    packet.put_u32_le(u32::try_from(agreed >> 32).unwrap_or_default());
    packet
}

fn introduce(
    wire: &mut Wire,
    address: &Address,
    server: &Server,
    agreed: u64,
    is_private: bool,
) -> Result<(), Failure> {
    let password = address.password.as_deref().unwrap_or_default();
    // What the server begins with need not be what the account has: another way is asked for then.
    let (plugin, answer) = match authenticate::answer(&server.plugin, password, &server.seed, is_private) {
        Ok(answer) => (server.plugin.as_str(), answer),
        Err(_) => (CACHING, authenticate::answer(CACHING, password, &server.seed, is_private)?),
    };
    let mut packet = head(server, agreed);
    packet.put_slice(address.user.as_bytes());
    packet.put_u8(0);
    put_counted(&mut packet, &answer);
    packet.put_slice(address.database.as_bytes());
    packet.put_u8(0);
    packet.put_slice(plugin.as_bytes());
    packet.put_u8(0);
    if agreed & capability::CONNECT_ATTRIBUTES != 0 {
        let mut attributes = BytesMut::new();
        for text in ["program_name", "sandpiper"] {
            put_counted(&mut attributes, text.as_bytes());
        }
        put_counted(&mut packet, &attributes);
    }
    wire.packet(&packet);
    Ok(())
}

/// Answers until the server lets us in.
async fn admitted(
    wire: &mut Wire,
    address: &Address,
    server: &Server,
    is_private: bool,
) -> Result<(), Failure> {
    let password = || {
        address.password.as_deref().ok_or_else(|| {
            let user = &address.user;
            Failure::Refused(format!(
                "the server asks for the password of `{user}`, and the address has none"
            ))
        })
    };
    let mut plugin = server.plugin.clone();
    loop {
        let mut packet = wire.next().await.map_err(unreachable)?;
        match packet.u8().map_err(unreachable)? {
            0x00 => return Ok(()),
            0xFF => return Err(Failure::Server(Box::new(ServerError::after_head(packet)), 0)),
            // Another way is asked for, with a seed of its own.
            0xFE => {
                plugin = String::from_utf8_lossy(&packet.until_zero()).into_owned();
                let mut seed = packet.rest().to_vec();
                seed.truncate(20);
                let password = address.password.as_deref().unwrap_or_default();
                let answer = authenticate::answer(&plugin, password, &seed, is_private)?;
                wire.packet(&answer);
            }
            0x01 if packet.first() == Some(0x03) => {}
            // The server does not remember the password: it wants to see it.
            0x01 if packet.first() == Some(0x04) => {
                let shown = authenticate::plain(password()?, is_private)?;
                wire.packet(&shown);
            }
            _ => {
                return Err(Failure::Refused(format!("the server answered out of order during `{plugin}`")));
            }
        }
    }
}
