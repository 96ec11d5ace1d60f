//! Values on their way into PostgreSQL and out of it, in the text form of its own types.

use sandpiper_runtime::sql::{SqlError, Value};

use crate::servers::statement::Argument;

/// The types whose values have a case of their own, by their number, which is the same on every server.
mod kind {
    pub(super) const BOOL: u32 = 16;
    pub(super) const BYTEA: u32 = 17;
    pub(super) const CHAR: u32 = 18;
    pub(super) const NAME: u32 = 19;
    pub(super) const INT8: u32 = 20;
    pub(super) const INT2: u32 = 21;
    pub(super) const INT4: u32 = 23;
    pub(super) const TEXT: u32 = 25;
    pub(super) const OID: u32 = 26;
    pub(super) const JSON: u32 = 114;
    pub(super) const FLOAT4: u32 = 700;
    pub(super) const FLOAT8: u32 = 701;
    pub(super) const UNKNOWN: u32 = 705;
    pub(super) const BPCHAR: u32 = 1042;
    pub(super) const VARCHAR: u32 = 1043;
    pub(super) const DATE: u32 = 1082;
    pub(super) const TIME: u32 = 1083;
    pub(super) const TIMESTAMP: u32 = 1114;
    pub(super) const TIMESTAMPTZ: u32 = 1184;
    pub(super) const TIMETZ: u32 = 1266;
    pub(super) const NUMERIC: u32 = 1700;
    pub(super) const UUID: u32 = 2950;
    pub(super) const JSONB: u32 = 3802;
}

/// What the server calls the types that most columns have; asking for it costs a round trip.
const NAMES: [(u32, &str); 23] = [
    (kind::BOOL, "boolean"),
    (kind::BYTEA, "bytea"),
    (kind::CHAR, "\"char\""),
    (kind::NAME, "name"),
    (kind::INT8, "bigint"),
    (kind::INT2, "smallint"),
    (kind::INT4, "integer"),
    (kind::TEXT, "text"),
    (kind::OID, "oid"),
    (kind::JSON, "json"),
    (kind::FLOAT4, "real"),
    (kind::FLOAT8, "double precision"),
    (kind::UNKNOWN, "unknown"),
    (kind::BPCHAR, "character"),
    (kind::VARCHAR, "character varying"),
    (kind::DATE, "date"),
    (kind::TIME, "time without time zone"),
    (kind::TIMESTAMP, "timestamp without time zone"),
    (kind::TIMESTAMPTZ, "timestamp with time zone"),
    (kind::TIMETZ, "time with time zone"),
    (kind::NUMERIC, "numeric"),
    (kind::UUID, "uuid"),
    (kind::JSONB, "jsonb"),
];

/// The name of a type that every server has.
pub(crate) fn known_name(kind: u32) -> Option<&'static str> {
    NAMES.iter().find(|(known, _)| *known == kind).map(|(_, name)| *name)
}

/// A value as an argument: its text, which the server reads in the type that the statement gives the parameter.
pub(crate) fn argument(value: &Value) -> Result<Argument<'_>, SqlError> {
    let text = match value {
        Value::Null => return Ok(Argument::Null),
        Value::Boolean(flag) => return Ok((*flag).into()),
        Value::Integer(number) => return Ok((*number).into()),
        Value::Double(number) => return Ok(Argument::Double(*number)),
        Value::Bytes(bytes) => return Ok(format!("\\x{}", hex::encode(bytes)).into()),
        Value::Decimal(text)
        | Value::Text(text)
        | Value::Uuid(text)
        | Value::Date(text)
        | Value::Time(text)
        | Value::Timestamp(text)
        | Value::Json(text)
        | Value::Other(_, text) => text.as_str(),
    };
    if text.contains('\0') {
        return Err(SqlError::Conversion(
            "a text holds the character `\\0`, which PostgreSQL cannot keep: give it as bytes".to_owned(),
        ));
    }
    Ok(text.into())
}

pub(crate) fn double(number: f64) -> String {
    match number {
        _ if number.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        _ => format!("{number:e}"),
    }
}

/// A cell as a value. `name` is what the server calls the type.
pub(crate) fn read(cell: Option<&[u8]>, kind: u32, name: &str) -> Result<Value, SqlError> {
    let Some(bytes) = cell else { return Ok(Value::Null) };
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Err(SqlError::Conversion(format!("a value of the type `{name}` is not UTF-8")));
    };
    let other = || Value::Other(name.to_owned(), text.to_owned());
    Ok(match kind {
        kind::BOOL => Value::Boolean(text == "t"),
        kind::INT2 | kind::INT4 | kind::INT8 | kind::OID => {
            text.parse().map_or_else(|_| other(), Value::Integer)
        }
        kind::FLOAT4 | kind::FLOAT8 => text.parse().map_or_else(|_| other(), Value::Double),
        kind::NUMERIC => Value::Decimal(text.to_owned()),
        kind::TEXT | kind::VARCHAR | kind::BPCHAR | kind::NAME | kind::CHAR | kind::UNKNOWN => {
            Value::Text(text.to_owned())
        }
        kind::BYTEA => bytea(text).map_or_else(other, Value::Bytes),
        kind::UUID => Value::Uuid(text.to_owned()),
        kind::JSON | kind::JSONB => Value::Json(text.to_owned()),
        kind::DATE if is_iso_date(text) => Value::Date(text.to_owned()),
        kind::TIME => Value::Time(text.to_owned()),
        kind::TIMETZ => Value::Time(with_full_offset(text)),
        kind::TIMESTAMP | kind::TIMESTAMPTZ => timestamp(text).map_or_else(other, Value::Timestamp),
        _ => other(),
    })
}

/// Bytes in the server's text form, either of its two.
pub(crate) fn bytea(text: &str) -> Option<Vec<u8>> {
    if let Some(digits) = text.strip_prefix("\\x") {
        return hex::decode(digits).ok();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next()? {
            b'\\' => bytes.push(b'\\'),
            first => {
                let digits = [first, rest.next()?, rest.next()?];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 8).ok()?);
            }
        }
    }
    Some(bytes)
}

/// `2026-02-03`; not what another `DateStyle` would write, nor `infinity`, nor a year before our era.
fn is_iso_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let digits = |part: Option<&str>, least: usize| {
        part.is_some_and(|part| part.len() >= least && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    digits(parts.next(), 4) && digits(parts.next(), 2) && digits(parts.next(), 2) && parts.next().is_none()
}

/// `2026-02-03 04:05:06.7+02` as `2026-02-03T04:05:06.7+02:00`.
fn timestamp(text: &str) -> Option<String> {
    let (date, time) = text.split_once(' ')?;
    let plain = time.bytes().all(|byte| byte.is_ascii_digit() || b":.+-".contains(&byte));
    (is_iso_date(date) && plain).then(|| format!("{date}T{}", with_full_offset(time)))
}

/// A time whose offset, if it has one, has its minutes too.
fn with_full_offset(time: &str) -> String {
    match time.rfind(['+', '-']).and_then(|at| time.get(at + 1..)) {
        Some(offset) if offset.len() == 2 => format!("{time}:00"),
        _ => time.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_given_as_iso_8601_writes_them() {
        let read = |kind, text: &str| super::read(Some(text.as_bytes()), kind, "t").unwrap();
        let at = |text: &str| Value::Timestamp(text.to_owned());
        assert_eq!(read(kind::TIMESTAMPTZ, "2026-02-03 04:05:06.7+02"), at("2026-02-03T04:05:06.7+02:00"));
        assert_eq!(read(kind::TIMESTAMPTZ, "2026-02-03 04:05:06-03:30"), at("2026-02-03T04:05:06-03:30"));
        assert_eq!(read(kind::TIMESTAMP, "2026-02-03 04:05:06"), at("2026-02-03T04:05:06"));
        assert_eq!(read(kind::DATE, "2026-02-03"), Value::Date("2026-02-03".into()));
        for (kind, text) in [
            (kind::DATE, "infinity"),
            (kind::DATE, "0044-03-15 BC"),
            (kind::DATE, "02/03/2026"),
            (kind::TIMESTAMP, "infinity"),
            (kind::TIMESTAMP, "03.02.2026 04:05:06"),
        ] {
            assert_eq!(read(kind, text), Value::Other("t".into(), text.into()), "{text}");
        }
    }

    #[test]
    fn bytes_are_read_in_both_forms() {
        assert_eq!(bytea("\\x00ff41"), Some(vec![0, 255, 65]));
        assert_eq!(bytea("a\\\\\\000\\377"), Some(vec![b'a', b'\\', 0, 255]));
        assert_eq!(bytea("\\9"), None);
    }

    #[test]
    fn doubles_keep_every_bit() {
        for number in [0.1, -1e300, 5e-324, f64::MAX, 0.0] {
            assert_eq!(double(number).parse::<f64>().unwrap().to_bits(), number.to_bits());
        }
        assert_eq!(double(f64::NEG_INFINITY), "-Infinity");
    }
}
