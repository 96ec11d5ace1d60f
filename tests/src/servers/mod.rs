//! Real servers, each in a temporary folder and on a free port of this machine, which end with the test.

mod api;
mod mariadb;
mod pgbouncer;
mod postgres;
mod program;
mod proxy;
mod starting;

pub use api::{Api, Things};
pub use mariadb::{MariaDb, MariaDbDatabase};
pub use pgbouncer::PgBouncer;
pub use postgres::{Certificates, Postgres, PostgresDatabase};
pub use proxy::{Loss, Proxy};
pub use starting::Starting;
