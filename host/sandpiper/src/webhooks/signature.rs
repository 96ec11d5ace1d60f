//! Signatures of the Standard Webhooks specification: `v1`, HMAC-SHA256 of id, time and body.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// What a secret begins with.
const PREFIX: &str = "whsec_";

/// So many bytes a secret has.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// What messages are signed with. It is shown to nobody.
#[derive(Clone)]
pub struct Key(hmac::Key);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// Reads `whsec_` and 24 to 64 bytes as base64.
    ///
    /// # Errors
    ///
    /// What is wrong with it; the text itself is not repeated.
    pub fn parse(text: &str) -> Result<Self, String> {
        let encoded =
            text.trim().strip_prefix(PREFIX).ok_or_else(|| format!("it does not begin with `{PREFIX}`"))?;
        let bytes = STANDARD.decode(encoded).map_err(|_| format!("what follows `{PREFIX}` is no base64"))?;
        if !LENGTHS.contains(&bytes.len()) {
            return Err(format!("it has {} bytes, and 24 to 64 are needed", bytes.len()));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The signature of a message, sent at a time in seconds.
    pub(super) fn sign(&self, id: &str, timestamp: u64, body: &str) -> String {
        let signed = hmac::sign(&self.0, format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(signed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the specification's libraries are tested with.
    #[test]
    fn a_signature_is_as_the_specification_has_it() {
        let key = Key::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_that_is_none_is_told_without_it() {
        let short = format!("whsec_{}", STANDARD.encode([1; 23]));
        for wrong in ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!!!", "whsec_", &short] {
            let why = Key::parse(wrong).unwrap_err();
            assert!(!why.contains("MfKQ") && !why.contains("!!!!"), "{why}");
        }
        assert_eq!(format!("{:?}", Key::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap()), "Key");
    }
}
