//! Durations (`10m`, `1m30s`) and sizes (`256MiB`) as people write them.

use std::time::Duration;

/// Reads a duration: numbers with the units `ms`, `s`, `m`, `h`, `d`, one after the other.
///
/// # Errors
///
/// Says how to write one.
pub fn duration(text: &str) -> Result<Duration, String> {
    let mut total = 0_f64;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(no_duration(text));
    }
    while !rest.is_empty() {
        let (number, unit, after) = quantity(rest).ok_or_else(|| no_duration(text))?;
        let seconds = match unit {
            "ms" => 0.001,
            "s" | "sec" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            "" if number == 0.0 => 0.0,
            "" => {
                return Err(format!("`{text}` has no unit: write `{text}s`, `{text}m` or `{text}h`"));
            }
            _ => return Err(no_duration(text)),
        };
        total += number * seconds;
        rest = after;
    }
    // A hundred years: more is a slip, and sums of times would overflow.
    if total > 3_155_760_000.0 {
        return Err(format!("`{text}` is too long"));
    }
    Ok(Duration::from_micros((total * 1_000_000.0).round() as u64))
}

/// Reads a size in bytes: a number with `B`, `KiB`, `MiB`, `GiB`, or `kB`, `MB`, `GB`.
///
/// # Errors
///
/// Says how to write one.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size: write `256MiB`, `64KiB` or `1GiB`");
    let (number, unit, after) = quantity(text.trim()).ok_or_else(wrong)?;
    if !after.is_empty() {
        return Err(wrong());
    }
    let factor = match unit.to_lowercase().as_str() {
        "" | "b" => 1_u64,
        "kib" | "k" => 1 << 10,
        "mib" | "m" => 1 << 20,
        "gib" | "g" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(wrong()),
    };
    let bytes = number * factor as f64;
    if bytes > (1_u64 << 50) as f64 {
        return Err(format!("`{text}` is too large"));
    }
    Ok(bytes.round() as u64)
}

/// A number, the letters after it, and the rest.
fn quantity(text: &str) -> Option<(f64, &str, &str)> {
    let number_end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let number = text.get(..number_end)?.parse().ok()?;
    let rest = text.get(number_end..)?.trim_start();
    let unit_end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    Some((number, rest.get(..unit_end)?, rest.get(unit_end..)?.trim_start()))
}

fn no_duration(text: &str) -> String {
    format!("`{text}` is no duration: write `500ms`, `60s`, `10m` or `1h`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5_400)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("0.5s"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2d"), Ok(Duration::from_secs(172_800)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        assert!(duration("10").unwrap_err().contains("`10s`"));
        for wrong in ["", "m", "1x", "-1s", "1.2.3s", "ten minutes", "1e9d", "99999999d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_binary_or_decimal() {
        assert_eq!(size("256MiB"), Ok(256 << 20));
        assert_eq!(size("64 KiB"), Ok(64 << 10));
        assert_eq!(size("1.5GiB"), Ok(3 << 29));
        assert_eq!(size("2MB"), Ok(2_000_000));
        assert_eq!(size("1024"), Ok(1024));
        for wrong in ["", "MiB", "1 TiBs", "1MiB 2KiB", "-1", "999999999GiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
