//! JSON pointers (RFC 6901) into the answers of an API.

/// What is wrong with a pointer, if anything is.
pub(crate) fn fault(pointer: &str) -> Option<&'static str> {
    if pointer.is_empty() {
        return None;
    }
    if !pointer.starts_with('/') {
        return Some("does not begin with `/`");
    }
    let mut rest = pointer;
    while let Some((_, after)) = rest.split_once('~') {
        if !after.starts_with(['0', '1']) {
            return Some("holds a `~` that is neither `~0` nor `~1`");
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn a_pointer_begins_with_a_slash() {
        assert_eq!(["", "/", "/data/id", "/a~1b/~0c/0"].map(fault), [None; 4]);
        assert!(["data/id", "$.data.id", "/a~b", "/a~"].iter().all(|pointer| fault(pointer).is_some()));
    }
}
