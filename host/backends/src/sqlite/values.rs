//! Values on their way into SQLite and out of it.

use rusqlite::Statement;
use rusqlite::types::ValueRef;
use sandpiper_runtime::sql::{Row, SqlError, Value};

use super::errors::sql_error;

/// Gives a statement its parameters, in the order of their numbers.
pub(crate) fn bind(
    statement: &mut Statement<'_>,
    parameters: &[Value],
    script: &str,
) -> Result<(), SqlError> {
    let expected = statement.parameter_count();
    if expected != parameters.len() {
        return Err(sql_error(rusqlite::Error::InvalidParameterCount(parameters.len(), expected), script));
    }
    for (number, value) in (1..).zip(parameters) {
        bind_one(statement, number, value)?.map_err(|error| sql_error(error, script))?;
    }
    Ok(())
}

fn bind_one(
    statement: &mut Statement<'_>,
    number: usize,
    value: &Value,
) -> Result<rusqlite::Result<()>, SqlError> {
    Ok(match value {
        Value::Null => statement.raw_bind_parameter(number, rusqlite::types::Null),
        Value::Boolean(value) => statement.raw_bind_parameter(number, i64::from(*value)),
        Value::Integer(value) => statement.raw_bind_parameter(number, value),
        Value::Double(value) if value.is_nan() => {
            return Err(SqlError::Conversion(format!(
                "parameter {number} is not a number, which SQLite cannot keep"
            )));
        }
        Value::Double(value) => statement.raw_bind_parameter(number, value),
        Value::Bytes(bytes) => statement.raw_bind_parameter(number, bytes.as_slice()),
        Value::Decimal(text)
        | Value::Text(text)
        | Value::Uuid(text)
        | Value::Date(text)
        | Value::Time(text)
        | Value::Timestamp(text)
        | Value::Json(text)
        | Value::Other(_, text) => statement.raw_bind_parameter(number, text.as_str()),
    })
}

/// Takes over a row that a statement stands on.
pub(crate) fn read(row: &rusqlite::Row<'_>, columns: usize) -> Result<Row, SqlError> {
    (0..columns)
        .map(|column| match row.get_ref(column).map_err(|error| sql_error(error, ""))? {
            ValueRef::Null => Ok(Value::Null),
            ValueRef::Integer(value) => Ok(Value::Integer(value)),
            ValueRef::Real(value) => Ok(Value::Double(value)),
            ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes.to_vec())),
            ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Value::Text(text.to_owned())),
                Err(_) => Err(SqlError::Conversion(format!(
                    "column {} holds text that is not UTF-8: read it with `CAST(.. AS BLOB)`",
                    column + 1
                ))),
            },
        })
        .collect()
}

/// About how many bytes a row takes in memory.
pub(crate) fn size(row: &Row) -> usize {
    size_of::<Row>() + row.iter().map(Value::size).sum::<usize>()
}
