//! Values on their way into MySQL and MariaDB and out of them, in the text form of their own types.

use jiff::Timestamp;
use sandpiper_runtime::sql::{SqlError, Value};

use super::cells::{BINARY, Field, UNSIGNED, kind};
use crate::servers::statement::Argument;

/// The numbers of further types.
mod more {
    pub(super) const DECIMAL: u8 = 0;
    pub(super) const VARCHAR: u8 = 15;
    pub(super) const BIT: u8 = 16;
    pub(super) const VECTOR: u8 = 242;
    pub(super) const JSON: u8 = 245;
    pub(super) const TINY_BLOB: u8 = 249;
    pub(super) const STRING: u8 = 254;
    pub(super) const GEOMETRY: u8 = 255;
}

/// Flags of a column: its texts are those of an `ENUM`, or of a `SET`.
const ENUM: u16 = 256;
const SET: u16 = 2048;

/// Whether the session's times are those of UTC: only then a time with an offset has a form here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    Utc,
    Local,
}

/// A value as an argument.
pub(crate) fn argument(value: &Value, clock: Clock) -> Result<Argument<'_>, SqlError> {
    Ok(match value {
        Value::Null => Argument::Null,
        Value::Boolean(flag) => Argument::Flag(*flag),
        Value::Integer(number) => Argument::Integer(*number),
        Value::Double(number) if number.is_finite() => Argument::Double(*number),
        Value::Double(number) => {
            return Err(SqlError::Conversion(format!("MySQL and MariaDB cannot keep the number `{number}`")));
        }
        Value::Decimal(text) => Argument::Decimal(text.into()),
        Value::Bytes(bytes) => Argument::Bytes(bytes.into()),
        Value::Timestamp(text) => moment(text, clock)?,
        Value::Text(text)
        | Value::Uuid(text)
        | Value::Date(text)
        | Value::Time(text)
        | Value::Json(text)
        | Value::Other(_, text) => text.as_str().into(),
    })
}

/// A point in time. No type of theirs keeps an offset, and only some servers read one.
fn moment(text: &str, clock: Clock) -> Result<Argument<'_>, SqlError> {
    let time = text.split_once(['T', ' ']).map_or("", |(_, time)| time);
    if !time.contains(['Z', 'z', '+', '-']) {
        return Ok(text.into());
    }
    if clock == Clock::Local {
        return Err(SqlError::Conversion(format!(
            "the time `{text}` has an offset, which no type of MySQL and MariaDB keeps, and the session's times are not \
             those of UTC: give it without, or set `time_zone: \"+00:00\"` in the `settings` of the target system"
        )));
    }
    let point: Timestamp = text.parse().map_err(|error| {
        SqlError::Conversion(format!("`{text}` is no time in the form of ISO 8601: {error}"))
    })?;
    Ok(point.strftime("%Y-%m-%d %H:%M:%S%.f").to_string().into())
}

/// What the server calls the type of a column.
pub(crate) fn name(field: &Field) -> String {
    if let Some(extended) = &field.extended {
        return extended.clone();
    }
    let is_bytes = field.collation == BINARY;
    let name = match field.kind {
        _ if field.flags & ENUM != 0 => "enum",
        _ if field.flags & SET != 0 => "set",
        kind::TINY => "tinyint",
        kind::SHORT => "smallint",
        kind::MEDIUM => "mediumint",
        kind::LONG => "int",
        kind::LONG_LONG => "bigint",
        kind::FLOAT => "float",
        kind::DOUBLE => "double",
        kind::NEW_DECIMAL | more::DECIMAL => "decimal",
        kind::NULL => "null",
        kind::TIMESTAMP => "timestamp",
        kind::DATETIME => "datetime",
        kind::DATE => "date",
        kind::TIME => "time",
        kind::YEAR => "year",
        more::BIT => "bit",
        more::JSON => "json",
        more::VECTOR => "vector",
        more::GEOMETRY => "geometry",
        more::STRING => {
            if is_bytes {
                "binary"
            } else {
                "char"
            }
        }
        more::VARCHAR | kind::VAR_STRING => {
            if is_bytes {
                "varbinary"
            } else {
                "varchar"
            }
        }
        more::TINY_BLOB..=kind::BLOB => {
            if is_bytes {
                "blob"
            } else {
                "text"
            }
        }
        _ => "",
    };
    let is_number = matches!(
        field.kind,
        kind::TINY | kind::SHORT | kind::MEDIUM | kind::LONG | kind::LONG_LONG | kind::FLOAT | kind::DOUBLE
    ) || name == "decimal";
    let is_unsigned = is_number && field.flags & UNSIGNED != 0;
    format!("{name}{}", if is_unsigned { " unsigned" } else { "" })
}

/// A cell as a value. `name` is what the server calls the type.
pub(crate) fn read(cell: Option<&[u8]>, field: &Field, name: &str) -> Result<Value, SqlError> {
    let Some(bytes) = cell else { return Ok(Value::Null) };
    match (field.kind, name) {
        (more::BIT, _) => return Ok(bits(bytes)),
        (more::GEOMETRY | more::VECTOR, _) => return Ok(Value::Bytes(bytes.to_vec())),
        (
            more::VARCHAR | more::STRING | more::TINY_BLOB..=kind::VAR_STRING,
            "varbinary" | "binary" | "blob",
        ) => {
            return Ok(Value::Bytes(bytes.to_vec()));
        }
        _ => {}
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(SqlError::Conversion(format!("a value of the type `{name}` is not UTF-8")));
    };
    let other = || Value::Other(name.to_owned(), text.to_owned());
    Ok(match (name, field.kind) {
        ("json", _) => Value::Json(text.to_owned()),
        ("uuid", _) => Value::Uuid(text.to_owned()),
        ("varchar" | "char" | "text", _) => Value::Text(text.to_owned()),
        (_, kind::TINY | kind::SHORT | kind::MEDIUM | kind::LONG | kind::YEAR) => {
            text.parse().map_or_else(|_| other(), Value::Integer)
        }
        (_, kind::LONG_LONG) => text.parse().map_or_else(|_| Value::Decimal(text.to_owned()), Value::Integer),
        (_, kind::FLOAT | kind::DOUBLE) => text.parse().map_or_else(|_| other(), Value::Double),
        (_, kind::NEW_DECIMAL | more::DECIMAL) => Value::Decimal(text.to_owned()),
        (_, kind::DATE) if is_whole(text) => Value::Date(text.to_owned()),
        (_, kind::DATETIME | kind::TIMESTAMP) if is_whole(text) => {
            Value::Timestamp(text.replacen(' ', "T", 1))
        }
        (_, kind::TIME) if is_of_a_day(text) => Value::Time(text.to_owned()),
        _ => other(),
    })
}

/// The number that bits are.
fn bits(bytes: &[u8]) -> Value {
    let number = bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    i64::try_from(number).map_or_else(|_| Value::Decimal(number.to_string()), Value::Integer)
}

/// Whether a date has a month and a day: these servers also keep dates that have none.
fn is_whole(text: &str) -> bool {
    let date = text.get(..10).unwrap_or_default();
    let mut parts = date.split('-').skip(1);
    let is_there = |part: Option<&str>| part.is_some_and(|part| part != "00");
    is_there(parts.next()) && is_there(parts.next())
}

/// Whether a time is one of a day: these servers also keep spans of hours.
fn is_of_a_day(text: &str) -> bool {
    let hours = text.split(':').next().unwrap_or_default();
    hours.parse::<u8>().is_ok_and(|hours| hours < 24) && !hours.starts_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(kind: u8, flags: u16, collation: u16, extended: Option<&str>) -> Field {
        Field {
            name: String::new(),
            kind,
            collation,
            flags,
            decimals: 0,
            extended: extended.map(str::to_owned),
        }
    }

    fn value(field: &Field, text: &[u8]) -> Value {
        read(Some(text), field, &name(field)).unwrap()
    }

    #[test]
    fn what_no_calendar_has_stays_as_the_server_writes_it() {
        let of = |kind, text: &str| value(&field(kind, 0, BINARY, None), text.as_bytes());
        assert_eq!(of(kind::DATE, "2026-02-03"), Value::Date("2026-02-03".into()));
        assert_eq!(of(kind::DATE, "0000-00-00"), Value::Other("date".into(), "0000-00-00".into()));
        let at = "2026-02-03 04:05:06.7";
        assert_eq!(of(kind::DATETIME, at), Value::Timestamp("2026-02-03T04:05:06.7".into()));
        let at = "2026-00-00 04:05:06";
        assert_eq!(of(kind::DATETIME, at), Value::Other("datetime".into(), at.into()));
        assert_eq!(of(kind::TIME, "23:59:59"), Value::Time("23:59:59".into()));
        assert_eq!(of(kind::TIME, "-01:00:00"), Value::Other("time".into(), "-01:00:00".into()));
        assert_eq!(of(kind::TIME, "838:59:59"), Value::Other("time".into(), "838:59:59".into()));
    }

    #[test]
    fn numbers_keep_every_digit() {
        let of = |kind, flags, text: &[u8]| value(&field(kind, flags, BINARY, None), text);
        assert_eq!(
            of(kind::LONG_LONG, UNSIGNED, b"18446744073709551615"),
            Value::Decimal("18446744073709551615".into())
        );
        assert_eq!(of(kind::LONG_LONG, UNSIGNED, b"7"), Value::Integer(7));
        assert_eq!(of(more::BIT, UNSIGNED, &[1, 2]), Value::Integer(258));
        assert_eq!(of(more::BIT, UNSIGNED, &[0xFF; 8]), Value::Decimal(u64::MAX.to_string()));
        assert_eq!(of(kind::NEW_DECIMAL, 0, b"-0.10"), Value::Decimal("-0.10".into()));
        assert_eq!(name(&field(kind::LONG_LONG, UNSIGNED, BINARY, None)), "bigint unsigned");
    }

    #[test]
    fn texts_and_bytes_are_told_apart_by_their_characters() {
        assert_eq!(value(&field(kind::BLOB, 0, BINARY, None), b"\xFF"), Value::Bytes(vec![0xFF]));
        assert_eq!(value(&field(kind::BLOB, 0, 45, None), b"a"), Value::Text("a".into()));
        assert_eq!(value(&field(kind::BLOB, 0, 45, Some("json")), b"{}"), Value::Json("{}".into()));
        assert_eq!(
            value(&field(more::STRING, ENUM, 45, None), b"a"),
            Value::Other("enum".into(), "a".into())
        );
        assert_eq!(
            value(&field(more::STRING, 0, 8, Some("inet6")), b"::1"),
            Value::Other("inet6".into(), "::1".into())
        );
    }

    #[test]
    fn a_time_with_an_offset_needs_a_session_in_utc() {
        let at = |text: &str, clock| {
            argument(&Value::Timestamp(text.into()), clock).map(|found| format!("{found:?}"))
        };
        assert_eq!(at("2026-02-03T04:05:06.789", Clock::Local).unwrap(), "Text(\"2026-02-03T04:05:06.789\")");
        assert_eq!(
            at("2026-02-03T04:05:06.789+02:00", Clock::Utc).unwrap(),
            "Text(\"2026-02-03 02:05:06.789\")"
        );
        assert_eq!(at("2026-02-03T04:05:06Z", Clock::Utc).unwrap(), "Text(\"2026-02-03 04:05:06\")");
        assert!(at("2026-02-03T04:05:06Z", Clock::Local).is_err());
        assert!(argument(&Value::Double(f64::NAN), Clock::Utc).is_err());
    }
}
