//! HTTP APIs as target systems.
//!
//! A change names a path below the base URL of its API, and never an address: [`BaseUrl::join`] is the one place where a
//! path of a guest becomes one of a request, and a connection is only ever made to the host of the base URL. Who we are
//! is added here, after the guest's own headers were looked at, and never told to it. No proxy of the environment is
//! asked, no redirect is followed unless `redirects` says so, nothing that comes compressed is unpacked.
//!
//! A request that was not sent is kept apart from one that was sent and not answered: `connection` watches whether a
//! byte of it went out.

mod auth;
mod base;
mod client;
mod connection;
mod exchange;
mod headers;
mod oauth2;
mod percent;
mod redirect;
mod retry;
mod session;
mod settings;
mod sigv4;
mod target;
mod tls;

pub use auth::Auth;
pub use base::BaseUrl;
pub use client::{Address, Client, Reply, Unanswered};
pub use settings::Settings;
pub use target::{Apis, HttpTarget};
