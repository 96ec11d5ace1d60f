//! SQL over a connection that the host opened, and whose transaction it owns.

mod connection;
mod cursor;
mod error;
mod row;
mod value;

pub use crate::bindings::sql::client::{Column, DatabaseError, Value};
pub use connection::Connection;
pub use cursor::Cursor;
pub use error::Error;
pub use row::{ColumnIndex, Row};
pub use value::FromValue;

#[doc(hidden)]
pub use value::parameters;
