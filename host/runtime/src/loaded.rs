//! What a runtime has loaded: whoever needs a component next finds it compiled. It is bounded, so that a process that
//! watches for years does not keep every change that it ever saw.

use std::collections::HashMap;
use std::sync::Arc;

use sandpiper_engine::digest::Digest;

use crate::component::Component;

/// So many bytes of components that nobody uses are kept; compiled, they take a few times as much.
const MOST_BYTES: usize = 128 * 1024 * 1024;

/// Components by their digests.
pub(crate) struct Loaded {
    components: HashMap<Digest, Known>,
    most_bytes: usize,
    /// Counts what was asked for, so that it is known what was not for the longest time.
    asked: u64,
}

struct Known {
    component: Component,
    asked: u64,
}

impl Default for Loaded {
    fn default() -> Self {
        Self { components: HashMap::new(), most_bytes: MOST_BYTES, asked: 0 }
    }
}

impl Loaded {
    /// The component of a digest, if it is known.
    pub(crate) fn get(&mut self, digest: Digest) -> Option<Component> {
        self.asked += 1;
        let known = self.components.get_mut(&digest)?;
        known.asked = self.asked;
        Some(known.component.clone())
    }

    /// Keeps a component, unless its digest is known: gives the one that is. Of what nobody uses, what was not asked for
    /// the longest time makes room for it.
    pub(crate) fn keep(&mut self, component: Component) -> Component {
        if let Some(known) = self.get(component.digest()) {
            return known;
        }
        let known = Known { component: component.clone(), asked: self.asked };
        self.components.insert(component.digest(), known);
        self.make_room();
        component
    }

    fn make_room(&mut self) {
        let mut unused: Vec<(u64, Digest, usize)> = self
            .components
            .iter()
            .filter(|(_, known)| Arc::strong_count(&known.component.0) == 1)
            .map(|(digest, known)| (known.asked, *digest, known.component.bytes().len()))
            .collect();
        let mut bytes: usize = unused.iter().map(|(.., bytes)| bytes).sum();
        if bytes <= self.most_bytes {
            return;
        }
        unused.sort_unstable_by_key(|(asked, ..)| *asked);
        for (_, digest, size) in unused {
            if bytes <= self.most_bytes {
                return;
            }
            self.components.remove(&digest);
            bytes -= size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    /// A component of about as many bytes as its padding has.
    fn component(number: u8, padding: usize) -> Component {
        let text = format!(
            "(component (instance $it)
                (export \"sandpiper:change/description@0.1.0\" (instance $it))
                (export \"sandpiper:sql/change@0.1.0\" (instance $it))
                (@custom \"padding\" \"{number}{}\"))",
            "x".repeat(padding)
        );
        let bytes: Arc<[u8]> = wat::parse_str(text).unwrap().into();
        let digest = Digest::of(&bytes);
        Component::load(bytes, digest, &Limits::default()).unwrap()
    }

    #[test]
    fn what_nobody_uses_is_forgotten_beyond_a_bound_and_what_was_asked_for_last_stays() {
        let mut loaded = Loaded { most_bytes: 10_000, ..Loaded::default() };
        let used = loaded.keep(component(0, 4_000));
        let first = loaded.keep(component(1, 4_000)).digest();
        let second = loaded.keep(component(2, 4_000)).digest();
        assert!(loaded.get(first).is_some());
        for number in 3..100 {
            let one = loaded.keep(component(number, 4_000));
            assert!(Arc::ptr_eq(&loaded.keep(component(number, 4_000)).0, &one.0));
            assert!(loaded.get(first).is_some(), "{number}");
            assert!(loaded.get(used.digest()).is_some(), "{number}");
            assert!(loaded.components.len() <= 4, "{number}");
        }
        assert!(loaded.get(second).is_none());
    }
}
