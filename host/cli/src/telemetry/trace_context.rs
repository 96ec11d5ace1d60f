//! Which trace a run belongs to, by W3C Trace Context, and whether it is recorded.

/// The bit of the flags that says that a trace is recorded.
const SAMPLED: u8 = 1;

/// The most of `TRACESTATE` that is passed on.
const MAX_STATE: usize = 512;

/// A span in another process, which called this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parent {
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
    pub(super) flags: u8,
    pub(super) state: String,
}

impl Parent {
    /// Reads `TRACEPARENT` and `TRACESTATE`; none where the first is not as the standard has it.
    pub(super) fn read(parent: &str, state: Option<&str>) -> Option<Self> {
        let parts: Vec<&str> = parent.trim().split('-').collect();
        let [version, trace_id, span_id, flags, more @ ..] = parts.as_slice() else { return None };
        let [version] = bytes(version)?;
        // A later version may say more, behind what this one says.
        if version == 0xff || (version == 0 && !more.is_empty()) {
            return None;
        }
        let (trace_id, span_id, [flags]) = (bytes(trace_id)?, bytes(span_id)?, bytes(flags)?);
        if trace_id == [0; 16] || span_id == [0; 8] {
            return None;
        }
        let is_state = |state: &&str| state.len() <= MAX_STATE && !state.contains(char::is_control);
        let state = state.map(str::trim).filter(is_state).unwrap_or_default().to_owned();
        Some(Self { trace_id, span_id, flags, state })
    }
}

/// As many bytes, of lower-case hexadecimal digits.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != 2 * N || !text.bytes().all(is_digit) {
        return None;
    }
    let mut read = [0; N];
    for (number, byte) in read.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * number..2 * number + 2)?, 16).ok()?;
    }
    Some(read)
}

/// Which traces are recorded: `OTEL_TRACES_SAMPLER`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sampler {
    /// Whether a parent decides, where there is one.
    pub(super) by_parent: bool,
    /// How many of the others are, from 0 to 1.
    pub(super) ratio: f64,
}

impl Sampler {
    /// By the standard's name.
    pub(super) fn named(name: &str, argument: Option<f64>) -> Option<Self> {
        let (by_parent, own) = match name.strip_prefix("parentbased_") {
            Some(own) => (true, own),
            None => (false, name),
        };
        let ratio = match own {
            "always_on" => 1.0,
            "always_off" => 0.0,
            "traceidratio" => argument.unwrap_or(1.0),
            _ => return None,
        };
        Some(Self { by_parent, ratio })
    }

    fn takes(self, trace_id: &[u8; 16], parent: Option<&Parent>) -> bool {
        if let (true, Some(parent)) = (self.by_parent, parent) {
            return parent.flags & SAMPLED != 0;
        }
        let [.., a, b, c, d, e, f, g] = *trace_id;
        // The last 56 bits are random: everybody who samples by them decides alike.
        let random = u64::from_be_bytes([0, a, b, c, d, e, f, g]);
        // As many of them as a number holds without rounding.
        ((random >> 3) as f64) < self.ratio * (1_u64 << 53) as f64
    }
}

/// The trace of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trace {
    pub(super) id: [u8; 16],
    pub(super) flags: u8,
    pub(super) state: String,
    /// The span that the run is below; none where it is the first of its trace.
    pub(super) parent: Option<[u8; 8]>,
}

impl Trace {
    /// The trace of the parent, else one of its own; none that is not recorded.
    pub(super) fn begin(sampler: Sampler, parent: Option<Parent>) -> Option<Self> {
        let id = parent.as_ref().map_or_else(|| *uuid::Uuid::new_v4().as_bytes(), |parent| parent.trace_id);
        if !sampler.takes(&id, parent.as_ref()) {
            return None;
        }
        Some(match parent {
            Some(Parent { trace_id, span_id, flags, state }) => {
                Self { id: trace_id, flags: flags | SAMPLED, state, parent: Some(span_id) }
            }
            None => Self { id, flags: SAMPLED, state: String::new(), parent: None },
        })
    }
}

/// A new identity of a span.
pub(super) fn span_id() -> [u8; 8] {
    let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
    // The fixed bits of the one half are random in the other.
    (high ^ low.rotate_left(32)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_examples_of_the_standard_are_read() {
        let parent = Parent::read(PARENT, Some("congo=t61rcWkgMzE")).unwrap();
        assert_eq!(parent.trace_id[..2], [0x4b, 0xf9]);
        assert_eq!((parent.span_id[7], parent.flags, parent.state.as_str()), (0xb7, 1, "congo=t61rcWkgMzE"));
        let later = format!("cc-{}-what-the-future-will-be-like", &PARENT[3..]);
        assert!(Parent::read(&later, None).is_some());
    }

    #[test]
    fn what_is_no_parent_is_left_alone() {
        for wrong in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Parent::read(wrong, None), None, "{wrong}");
        }
    }

    #[test]
    fn a_parent_decides_unless_the_sampler_says_otherwise() {
        let of = |flags: &str| Parent::read(&format!("{}{flags}", &PARENT[..PARENT.len() - 2]), None);
        let sampler = |name| Sampler::named(name, None).unwrap();
        let taken = |name, flags| Trace::begin(sampler(name), of(flags)).is_some();
        assert!(taken("parentbased_always_on", "01") && !taken("parentbased_always_on", "00"));
        assert!(taken("parentbased_always_off", "01") && taken("always_on", "00"));
        assert!(!taken("always_off", "01"));
        assert!(Trace::begin(sampler("parentbased_always_on"), None).is_some());
        assert_eq!(Sampler::named("jaeger_remote", None), None);
    }

    #[test]
    fn a_ratio_goes_by_the_random_part_of_the_trace() {
        let sampler = Sampler::named("traceidratio", Some(0.5)).unwrap();
        let mut id = [0xff; 16];
        assert!(!sampler.takes(&id, None));
        id[9] = 0x7f;
        assert!(sampler.takes(&id, None));
        assert!(!Sampler { ratio: 0.0, ..sampler }.takes(&[0; 16], None));
        assert!(Sampler { ratio: 1.0, ..sampler }.takes(&[0xff; 16], None));
    }

    #[test]
    fn spans_have_identities_of_their_own() {
        let some: std::collections::BTreeSet<_> = (0..1000).map(|_| span_id()).collect();
        assert_eq!(some.len(), 1000);
    }
}
