//! The parts of an address that all servers have: hosts, ports and percent escapes.

/// `host`, `host:port`, `[::1]:port`.
pub(crate) fn host_and_port(place: &str) -> Result<(&str, Option<u16>), String> {
    if let Some(rest) = place.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("its host has a `[` without `]`")?;
        let port = rest.strip_prefix(':').map(port).transpose()?;
        return Ok((host, port));
    }
    match place.rsplit_once(':') {
        Some((host, "")) => Ok((host, None)),
        Some((host, number)) => Ok((host, Some(port(number)?))),
        None => Ok((place, None)),
    }
}

/// The number of a port.
pub(crate) fn port(text: &str) -> Result<u16, String> {
    let port = text.parse().ok().filter(|port| *port != 0);
    port.ok_or_else(|| "its port is no number from 1 to 65535".to_owned())
}

/// A part of an address without its percent escapes.
pub(crate) fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
            return Err(
                "it has a `%` that two hexadecimal digits do not follow: write `%25` for a `%`".to_owned()
            );
        };
        bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
    }
    String::from_utf8(bytes).map_err(|_| "its percent escapes are no UTF-8".to_owned())
}
