//! `assess`: what is wrong with a step.

use crate::bindings::{Action, Assessment, Step};
use crate::{request, verify};

/// Assesses a step without any API. No request is part of a transaction.
pub(crate) fn assess(step: &Step) -> Assessment {
    let problems = match request::read(step) {
        Err(problems) => problems,
        Ok(requests) if step.action == Action::Verify => verify::problems(&requests),
        Ok(_) => Vec::new(),
    };
    Assessment { problems, transactional: step.action == Action::Verify }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::tests::step;

    #[test]
    fn a_request_fits_no_transaction_but_looking_never_decides() {
        let payload = r#"{"method":"GET","path":"items"}"#;
        assert!(!assess(&step(payload)).transactional);
        assert!(assess(&Step { action: Action::Verify, ..step(payload) }).transactional);
    }

    #[test]
    fn looking_neither_writes_nor_captures() {
        let payload = r#"{"method":"PUT","path":"items","capture":{"id":"/id"}}"#;
        let found = assess(&Step { action: Action::Verify, ..step(payload) }).problems;
        let places: Vec<&str> = found.iter().map(|problem| problem.place.pointer.as_str()).collect();
        assert_eq!(places, ["/method", "/capture"]);
        assert!(assess(&step(payload)).problems.is_empty());
    }
}
