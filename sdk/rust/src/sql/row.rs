//! One row of a query, and how its columns are read.

use crate::sql::{Column, Error, FromValue, Value};
use std::rc::Rc;

/// One row of a query. Columns are read by position, counted from 0, or by name:
/// `row.get::<i64>(0)?`, `row.get::<Option<String>>("note")?`.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    columns: Rc<[Column]>,
    values: Vec<Value>,
}

/// What a column can be named by: its position, counted from 0, or its name.
pub trait ColumnIndex {
    /// The position of the column among `columns`.
    fn position(&self, columns: &[Column]) -> Option<usize>;

    /// The column in words, for a message.
    fn name(&self) -> String;
}

impl ColumnIndex for usize {
    fn position(&self, columns: &[Column]) -> Option<usize> {
        (*self < columns.len()).then_some(*self)
    }

    fn name(&self) -> String {
        self.to_string()
    }
}

/// The column of exactly this name, else the first whose name differs in ASCII case only.
impl ColumnIndex for &str {
    fn position(&self, columns: &[Column]) -> Option<usize> {
        let exact = columns.iter().position(|column| column.name == *self);
        exact.or_else(|| columns.iter().position(|column| column.name.eq_ignore_ascii_case(self)))
    }

    fn name(&self) -> String {
        format!("`{self}`")
    }
}

impl Row {
    pub(crate) fn new(columns: Rc<[Column]>, values: Vec<Value>) -> Self {
        Self { columns, values }
    }

    /// A column as `T`. [`Error::Conversion`] when there is no such column, or it holds something else.
    pub fn get<T: FromValue>(&self, column: impl ColumnIndex) -> Result<T, Error> {
        let value = self.value(&column)?;
        T::from_value(value).ok_or_else(|| unfit(&column, value, std::any::type_name::<T>()))
    }

    /// All columns, in their order.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// All columns, in their order.
    pub fn into_values(self) -> Vec<Value> {
        self.values
    }

    /// Names and types of the columns, in their order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn value(&self, column: &dyn ColumnIndex) -> Result<&Value, Error> {
        let position = column.position(&self.columns);
        position.and_then(|position| self.values.get(position)).ok_or_else(|| {
            let names: Vec<_> = self.columns.iter().map(|column| format!("`{}`", column.name)).collect();
            Error::Conversion(format!(
                "there is no column {}; the query has {}",
                column.name(),
                names.join(", ")
            ))
        })
    }
}

fn unfit(column: &dyn ColumnIndex, value: &Value, wanted: &str) -> Error {
    let column = column.name();
    Error::Conversion(match value {
        Value::Null => format!("column {column} is NULL; read it as `Option<{wanted}>`"),
        Value::Integer(number) => {
            format!("column {column} holds the integer {number}, which is no `{wanted}`")
        }
        value => format!("column {column} holds {}, which is no `{wanted}`", value.kind()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        let column = |name: &str| Column { name: name.to_owned(), type_name: String::new() };
        let columns = Rc::from([column("id"), column("Note"), column("note")]);
        Row::new(columns, vec![Value::Integer(300), Value::Null, Value::Text("late".into())])
    }

    #[test]
    fn columns_are_read_by_position_and_by_name() {
        assert_eq!(row().get::<i64>(0), Ok(300));
        assert_eq!(row().get::<i64>("ID"), Ok(300));
        assert_eq!(row().get::<Option<String>>("Note"), Ok(None));
        assert_eq!(row().get::<String>("note"), Ok("late".to_owned()));
    }

    #[test]
    fn a_column_that_is_not_there_is_told_with_those_that_are() {
        let message = row().get::<i64>("status").unwrap_err().to_string();
        assert_eq!(message, "there is no column `status`; the query has `id`, `Note`, `note`");
        assert!(row().get::<i64>(3).is_err());
    }

    #[test]
    fn a_value_that_does_not_fit_is_told_with_the_wanted_type() {
        let message = |result: Result<u8, Error>| result.unwrap_err().to_string();
        assert_eq!(message(row().get(0)), "column 0 holds the integer 300, which is no `u8`");
        assert_eq!(message(row().get("Note")), "column `Note` is NULL; read it as `Option<u8>`");
        assert_eq!(message(row().get("note")), "column `note` holds text, which is no `u8`");
    }
}
