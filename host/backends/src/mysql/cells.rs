//! Rows of answers: their columns as the server describes them, and their cells in the text form that the server itself
//! would give, also where it sent a number or a time in the form of prepared statements.

use std::borrow::Cow;
use std::io;

use bytes::Bytes;

use super::wire::Parts;
use crate::servers::cells::Cells;

/// A column, as the server describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// Its type: one of [`kind`].
    pub(crate) kind: u8,
    /// What its characters are; [`BINARY`] where it has none.
    pub(crate) collation: u16,
    pub(crate) flags: u16,
    /// How many digits follow the point; 31 where that is not fixed.
    pub(crate) decimals: u8,
    /// What MariaDB says besides of its type: `json`, `uuid`, `inet6`.
    pub(crate) extended: Option<String>,
}

/// The collation of what is bytes.
pub(crate) const BINARY: u16 = 63;
/// A flag of a column: its numbers have no sign.
pub(crate) const UNSIGNED: u16 = 32;

/// The numbers of types.
pub(crate) mod kind {
    pub(crate) const TINY: u8 = 1;
    pub(crate) const SHORT: u8 = 2;
    pub(crate) const LONG: u8 = 3;
    pub(crate) const FLOAT: u8 = 4;
    pub(crate) const DOUBLE: u8 = 5;
    pub(crate) const NULL: u8 = 6;
    pub(crate) const TIMESTAMP: u8 = 7;
    pub(crate) const LONG_LONG: u8 = 8;
    pub(crate) const MEDIUM: u8 = 9;
    pub(crate) const DATE: u8 = 10;
    pub(crate) const TIME: u8 = 11;
    pub(crate) const DATETIME: u8 = 12;
    pub(crate) const YEAR: u8 = 13;
    pub(crate) const NEW_DECIMAL: u8 = 246;
    pub(crate) const BLOB: u8 = 252;
    pub(crate) const VAR_STRING: u8 = 253;
}

impl Field {
    /// Reads the description of a column.
    pub(crate) fn read(mut packet: Parts, is_extended: bool) -> io::Result<Self> {
        // Catalog, schema, table and the table's own name.
        for _ in 0..4 {
            packet.counted()?;
        }
        let name = packet.text()?;
        packet.counted()?;
        let mut extended = None;
        if is_extended && let Some(told) = packet.counted()? {
            let mut told = Parts::from(told);
            while told.first().is_some() {
                told.u8()?;
                extended = Some(told.text()?);
            }
        }
        packet.number()?;
        let collation = packet.u16()?;
        packet.u32()?;
        let (kind, flags, decimals) = (packet.u8()?, packet.u16()?, packet.u8()?);
        Ok(Self { name, kind, collation, flags, decimals, extended })
    }

    fn is_unsigned(&self) -> bool {
        self.flags & UNSIGNED != 0
    }
}

fn cells(cells: Vec<Option<Bytes>>) -> Cells {
    Cells::new(cells, |cell| Some(Cow::Borrowed(cell)))
}

/// Reads a row that came as text.
pub(crate) fn of_text(mut packet: Parts, fields: &[Field]) -> io::Result<Cells> {
    fields.iter().map(|_| packet.counted()).collect::<io::Result<_>>().map(cells)
}

/// Reads a row of a prepared statement.
pub(crate) fn of_binary(mut packet: Parts, fields: &[Field]) -> io::Result<Cells> {
    packet.u8()?;
    let nulls = packet.bytes((fields.len() + 9) / 8)?;
    // The first two bits stand for nothing.
    let is_null = |place: usize| nulls.get(place / 8).is_some_and(|byte| byte & (1 << (place % 8)) != 0);
    let cell = |(place, field): (usize, &Field)| match is_null(place + 2) {
        true => Ok(None),
        false => binary(&mut packet, field),
    };
    fields.iter().enumerate().map(cell).collect::<io::Result<_>>().map(cells)
}

/// A value in the form of prepared statements, as text.
fn binary(packet: &mut Parts, field: &Field) -> io::Result<Option<Bytes>> {
    let signed = |number: i64| number.to_string();
    let text = match (field.kind, field.is_unsigned()) {
        (kind::NULL, _) => return Ok(None),
        (kind::TINY, true) => packet.u8()?.to_string(),
        (kind::TINY, false) => signed(packet.u8()?.cast_signed().into()),
        (kind::YEAR, _) => format!("{:04}", packet.u16()?),
        (kind::SHORT, true) => packet.u16()?.to_string(),
        (kind::SHORT, false) => signed(packet.u16()?.cast_signed().into()),
        (kind::LONG | kind::MEDIUM, true) => packet.u32()?.to_string(),
        (kind::LONG | kind::MEDIUM, false) => signed(packet.u32()?.cast_signed().into()),
        (kind::LONG_LONG, true) => packet.u64()?.to_string(),
        (kind::LONG_LONG, false) => signed(packet.u64()?.cast_signed()),
        (kind::FLOAT, _) => f32::from_bits(packet.u32()?).to_string(),
        (kind::DOUBLE, _) => f64::from_bits(packet.u64()?).to_string(),
        (kind::DATE | kind::DATETIME | kind::TIMESTAMP, _) => moment(packet, field)?,
        (kind::TIME, _) => time(packet, field)?,
        _ => return packet.counted(),
    };
    Ok(Some(text.into()))
}

/// `2026-02-03 04:05:06.789`; parts that are left out are zero.
fn moment(packet: &mut Parts, field: &Field) -> io::Result<String> {
    let length = packet.u8()?;
    let (mut year, mut day, mut clock, mut micros) = (0, (0, 0), (0, 0, 0), 0);
    if length >= 4 {
        (year, day) = (packet.u16()?, (packet.u8()?, packet.u8()?));
    }
    if length >= 7 {
        clock = (packet.u8()?, packet.u8()?, packet.u8()?);
    }
    if length >= 11 {
        micros = packet.u32()?;
    }
    let date = format!("{year:04}-{:02}-{:02}", day.0, day.1);
    Ok(match field.kind {
        kind::DATE => date,
        _ => format!("{date} {:02}:{:02}:{:02}{}", clock.0, clock.1, clock.2, fraction(micros, field)),
    })
}

/// `-123:04:05.6`.
fn time(packet: &mut Parts, field: &Field) -> io::Result<String> {
    let length = packet.u8()?;
    let (mut sign, mut days, mut clock, mut micros) = ("", 0, (0, 0, 0), 0);
    if length >= 8 {
        sign = if packet.u8()? == 0 { "" } else { "-" };
        days = packet.u32()?;
        clock = (packet.u8()?, packet.u8()?, packet.u8()?);
    }
    if length >= 12 {
        micros = packet.u32()?;
    }
    let hours = u64::from(days) * 24 + u64::from(clock.0);
    Ok(format!("{sign}{hours:02}:{:02}:{:02}{}", clock.1, clock.2, fraction(micros, field)))
}

fn fraction(micros: u32, field: &Field) -> String {
    match field.decimals {
        0 => String::new(),
        digits @ 1..=6 => {
            let all = format!("{micros:06}");
            format!(".{}", all.get(..usize::from(digits)).unwrap_or(&all))
        }
        _ if micros == 0 => String::new(),
        _ => format!(".{micros:06}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(kind: u8, flags: u16, decimals: u8, bytes: &'static [u8]) -> String {
        let field = Field { name: String::new(), kind, collation: 0, flags, decimals, extended: None };
        let row = [&[0, 0], bytes].concat();
        let cells = of_binary(Parts::from(Bytes::from(row)), &[field]).unwrap();
        cells.text(0).unwrap().to_owned()
    }

    #[test]
    fn numbers_and_times_have_the_text_form_of_the_server() {
        assert_eq!(cell(kind::TINY, 0, 0, &[0xFF]), "-1");
        assert_eq!(cell(kind::TINY, UNSIGNED, 0, &[0xFF]), "255");
        assert_eq!(cell(kind::LONG_LONG, 0, 0, &[0xFE, 255, 255, 255, 255, 255, 255, 255]), "-2");
        assert_eq!(cell(kind::YEAR, UNSIGNED, 0, &[0xEA, 0x07]), "2026");
        assert_eq!(cell(kind::DATE, 0, 0, &[4, 0xEA, 0x07, 2, 3]), "2026-02-03");
        assert_eq!(cell(kind::DATE, 0, 0, &[0]), "0000-00-00");
        assert_eq!(cell(kind::DATETIME, 0, 0, &[7, 0xEA, 0x07, 2, 3, 4, 5, 6]), "2026-02-03 04:05:06");
        assert_eq!(
            cell(kind::DATETIME, 0, 3, &[11, 0xEA, 0x07, 2, 3, 4, 5, 6, 0x08, 0x0A, 0x0C, 0]),
            "2026-02-03 04:05:06.789"
        );
        assert_eq!(cell(kind::TIME, 0, 0, &[8, 1, 2, 0, 0, 0, 3, 4, 5]), "-51:04:05");
        assert_eq!(cell(kind::DOUBLE, 0, 31, &[0x9A, 0x99, 0x99, 0x99, 0x99, 0x99, 0xB9, 0x3F]), "0.1");
        assert_eq!(cell(kind::VAR_STRING, 0, 0, b"\x02ab"), "ab");
    }

    #[test]
    fn a_row_that_ends_too_early_is_an_error() {
        let field = Field {
            name: String::new(),
            kind: kind::LONG,
            collation: 0,
            flags: 0,
            decimals: 0,
            extended: None,
        };
        assert!(of_binary(Parts::from(Bytes::from_static(&[0, 0, 1])), &[field]).is_err());
    }
}
