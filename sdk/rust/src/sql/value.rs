//! Rust values as SQL values and back.

use crate::sql::Value;

/// The parameters of a statement: `params!["new", 7, None::<i64>]`. Everything that converts into a [`Value`]
/// may stand in it.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        $crate::sql::parameters([$($crate::sql::Value::from($value)),*])
    };
}

/// Gives the empty `params![]` its type.
#[doc(hidden)]
pub fn parameters<const COUNT: usize>(values: [Value; COUNT]) -> [Value; COUNT] {
    values
}

impl Value {
    /// An exact number in base 10, as text.
    pub fn decimal(text: impl Into<String>) -> Self {
        Self::Decimal(text.into())
    }

    /// A UUID, as text.
    pub fn uuid(text: impl Into<String>) -> Self {
        Self::Uuid(text.into())
    }

    /// A date in the form of ISO 8601: `2026-01-31`.
    pub fn date(text: impl Into<String>) -> Self {
        Self::Date(text.into())
    }

    /// A time of day in the form of ISO 8601: `23:59:59.5`.
    pub fn time(text: impl Into<String>) -> Self {
        Self::Time(text.into())
    }

    /// A point in time in the form of ISO 8601, with an offset if the column has one: `2026-01-31T23:59:59Z`.
    pub fn timestamp(text: impl Into<String>) -> Self {
        Self::Timestamp(text.into())
    }

    /// A JSON document, as text.
    pub fn json(text: impl Into<String>) -> Self {
        Self::Json(text.into())
    }

    /// A value of another type of the database: the name of the type, and the database's own text form.
    pub fn other(type_name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Other((type_name.into(), text.into()))
    }

    /// Whether this is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// What this is, in words, without what it holds.
    pub(crate) fn kind(&self) -> &str {
        match self {
            Self::Null => "NULL",
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) => "an integer",
            Self::Double(_) => "a double",
            Self::Decimal(_) => "a decimal",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Uuid(_) => "a UUID",
            Self::Date(_) => "a date",
            Self::Time(_) => "a time",
            Self::Timestamp(_) => "a timestamp",
            Self::Json(_) => "JSON",
            Self::Other((name, _)) => name,
        }
    }

    /// How much this adds to the size of a call, roughly, in bytes.
    pub(crate) fn size(&self) -> usize {
        let text = match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Decimal(text)
            | Self::Text(text)
            | Self::Uuid(text)
            | Self::Date(text)
            | Self::Time(text)
            | Self::Timestamp(text)
            | Self::Json(text) => text.len(),
            Self::Other((name, text)) => name.len() + text.len(),
            Self::Null | Self::Boolean(_) | Self::Integer(_) | Self::Double(_) => 0,
        };
        size_of::<Self>() + text
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Double(value)
    }
}

impl From<f32> for Value {
    fn from(value: f32) -> Self {
        Self::Double(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(value.clone())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_owned())
    }
}

impl<const LENGTH: usize> From<&[u8; LENGTH]> for Value {
    fn from(value: &[u8; LENGTH]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A Rust type that a column can be read as.
pub trait FromValue: Sized {
    /// The value as this type, or none when it is of another kind or does not fit.
    fn from_value(value: &Value) -> Option<Self>;
}

impl FromValue for Value {
    fn from_value(value: &Value) -> Option<Self> {
        Some(value.clone())
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

/// From 0 and 1 as well: SQLite and MySQL have no booleans of their own.
impl FromValue for bool {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Boolean(value) => Some(*value),
            Value::Integer(0) => Some(false),
            Value::Integer(1) => Some(true),
            _ => None,
        }
    }
}

/// From a decimal as well: that is what sums and averages are in most databases.
impl FromValue for f64 {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Double(value) => Some(*value),
            Value::Decimal(text) => text.parse().ok(),
            // Exact up to 2^53, which is what a float column can hold as well.
            Value::Integer(value) => Some(*value as Self),
            _ => None,
        }
    }
}

/// From everything that is text on its way: decimals, UUIDs, dates, times, JSON.
impl FromValue for String {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text)
            | Value::Decimal(text)
            | Value::Uuid(text)
            | Value::Date(text)
            | Value::Time(text)
            | Value::Timestamp(text)
            | Value::Json(text)
            | Value::Other((_, text)) => Some(text.clone()),
            _ => None,
        }
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Bytes(bytes) => Some(bytes.clone()),
            _ => None,
        }
    }
}

/// An integer, or a decimal without a fraction: sums are decimals in most databases.
fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Integer(value) => Some((*value).into()),
        Value::Decimal(text) => text.parse().ok(),
        _ => None,
    }
}

/// Integers travel as 64 bits with a sign; what does not fit travels as a decimal, exactly.
macro_rules! integers {
    ($($type:ty),+) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                i64::try_from(value).map_or_else(|_| Self::Decimal(value.to_string()), Self::Integer)
            }
        }

        impl FromValue for $type {
            fn from_value(value: &Value) -> Option<Self> {
                integer(value)?.try_into().ok()
            }
        }
    )+};
}

integers!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn params_takes_every_kind_of_value() {
        let values = params![
            true,
            7_u8,
            -7_i64,
            0.5,
            "text",
            String::from("owned"),
            vec![1_u8],
            b"bytes",
            Some(1),
            None::<&str>,
            Value::uuid("b6"),
        ];
        let expected = [
            Value::Boolean(true),
            Value::Integer(7),
            Value::Integer(-7),
            Value::Double(0.5),
            Value::Text("text".into()),
            Value::Text("owned".into()),
            Value::Bytes(vec![1]),
            Value::Bytes(b"bytes".to_vec()),
            Value::Integer(1),
            Value::Null,
            Value::Uuid("b6".into()),
        ];
        assert_eq!(values, expected);
        assert!(params![].is_empty());
    }

    #[test]
    fn an_unsigned_integer_beyond_64_bits_with_a_sign_stays_exact() {
        let value = Value::from(u64::MAX);
        assert_eq!(value, Value::Decimal("18446744073709551615".into()));
        assert_eq!(u64::from_value(&value), Some(u64::MAX));
        assert_eq!(i64::from_value(&value), None);
    }

    #[test]
    fn an_integer_that_does_not_fit_is_no_value() {
        assert_eq!(u8::from_value(&Value::Integer(300)), None);
        assert_eq!(u32::from_value(&Value::Integer(-1)), None);
        assert_eq!(i64::from_value(&Value::Decimal("1.5".into())), None);
        assert_eq!(i64::from_value(&Value::Decimal("15".into())), Some(15));
    }

    #[test]
    fn a_number_is_no_text_and_text_is_no_number() {
        assert_eq!(String::from_value(&Value::Integer(1)), None);
        assert_eq!(i64::from_value(&Value::Text("1".into())), None);
        assert_eq!(bool::from_value(&Value::Integer(2)), None);
        assert_eq!(Vec::<u8>::from_value(&Value::Text("a".into())), None);
    }

    #[test]
    fn null_is_read_as_an_option_only() {
        assert_eq!(Option::<i64>::from_value(&Value::Null), Some(None));
        assert_eq!(Option::<i64>::from_value(&Value::Integer(1)), Some(Some(1)));
        assert_eq!(i64::from_value(&Value::Null), None);
    }
}
