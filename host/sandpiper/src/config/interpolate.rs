//! `${env:X}`, `${env:X:-default}`, `${file:/path}` and `${var:x}` in texts, and what stands in their place.

/// Where the value of a reference comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A variable of the process.
    Env,
    /// A file's content.
    File,
    /// A variable of the configuration.
    Var,
}

impl Source {
    const ALL: [(&'static str, Self); 3] = [("env:", Self::Env), ("file:", Self::File), ("var:", Self::Var)];

    /// The source that stands after a `${`, and what follows it.
    pub(crate) fn of(inside: &str) -> Option<(Self, &str)> {
        Self::ALL.into_iter().find_map(|(prefix, source)| Some((source, inside.strip_prefix(prefix)?)))
    }
}

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    /// As it is.
    Text(&'t str),
    /// `$${`: a plain `${`.
    Escape,
    /// `${source:name}` or `${source:name:-default}`.
    Reference { source: Source, name: &'t str, default: Option<&'t str> },
    /// `${` with anything else after it, up to its `}`.
    Other(&'t str),
    /// `${` whose `}` is missing, and all that follows.
    Unclosed(&'t str),
}

/// The parts of a text in order, each with the byte at which it begins.
pub(crate) fn pieces(text: &str) -> Vec<(usize, Piece<'_>)> {
    let mut pieces = Vec::new();
    let mut done = 0;
    while let Some(found) = text.get(done..).and_then(|rest| rest.find("${")) {
        let at = done + found;
        let escaped = text.get(done..at).is_some_and(|before| before.ends_with('$'));
        let plain_end = if escaped { at - 1 } else { at };
        if plain_end > done {
            pieces.push((done, Piece::Text(text.get(done..plain_end).unwrap_or_default())));
        }
        if escaped {
            pieces.push((plain_end, Piece::Escape));
            done = at + 2;
            continue;
        }
        let inside = text.get(at + 2..).unwrap_or_default();
        let Some(end) = closing_brace(inside) else {
            pieces.push((at, Piece::Unclosed(text.get(at..).unwrap_or_default())));
            return pieces;
        };
        pieces.push((at, reference(inside.get(..end).unwrap_or_default())));
        done = at + 2 + end + 1;
    }
    if done < text.len() {
        pieces.push((done, Piece::Text(text.get(done..).unwrap_or_default())));
    }
    pieces
}

/// The `}` that belongs to a `${` before the text: those of inner `${` do not count.
pub(crate) fn closing_brace(text: &str) -> Option<usize> {
    let mut inner = 0_usize;
    let mut before = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' if before == b'$' => inner += 1,
            b'}' if inner == 0 => return Some(at),
            b'}' => inner -= 1,
            _ => {}
        }
        before = byte;
    }
    None
}

fn reference(inside: &str) -> Piece<'_> {
    let Some((source, rest)) = Source::of(inside) else {
        return Piece::Other(inside);
    };
    let (name, default) = match rest.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (rest, None),
    };
    Piece::Reference { source, name, default }
}

/// A text in which references were replaced, and where each part of it came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Expanded {
    pub(crate) text: String,
    /// Where in the result a part begins, where in the original, and whether it is the same text there.
    parts: Vec<(usize, usize, bool)>,
}

impl Expanded {
    /// Adds a part that stands at a byte of the original, `same` when it stands there as it is.
    pub(crate) fn push(&mut self, part: &str, at: usize, same: bool) {
        self.parts.push((self.text.len(), at, same));
        self.text.push_str(part);
    }

    /// The byte of the original that a byte of the result comes from; the start of the reference inside of a value.
    pub(crate) fn original(&self, offset: usize) -> usize {
        let before = self.parts.partition_point(|(start, _, _)| *start <= offset);
        match before.checked_sub(1).and_then(|index| self.parts.get(index)) {
            Some((start, at, true)) => at + (offset - start),
            Some((_, at, false)) => *at,
            None => offset,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_have_a_source_a_name_and_perhaps_a_default() {
        let reference = |text| match pieces(text).as_slice() {
            [(0, Piece::Reference { source, name, default })] => (*source, *name, *default),
            other => panic!("{other:?}"),
        };
        assert_eq!(reference("${env:X}"), (Source::Env, "X", None));
        assert_eq!(reference("${env:X:-a b}"), (Source::Env, "X", Some("a b")));
        assert_eq!(reference("${env:X:-}"), (Source::Env, "X", Some("")));
        assert_eq!(reference("${file:/run/x}"), (Source::File, "/run/x", None));
        assert_eq!(reference("${var:x:-${env:Y:-z}}"), (Source::Var, "x", Some("${env:Y:-z}")));
    }

    #[test]
    fn two_dollars_are_a_plain_one() {
        assert_eq!(
            pieces("a$${env:X}"),
            [(0, Piece::Text("a")), (1, Piece::Escape), (4, Piece::Text("env:X}"))]
        );
    }

    #[test]
    fn everything_else_is_told_apart() {
        assert_eq!(pieces("${X}"), [(0, Piece::Other("X"))]);
        assert_eq!(pieces("$X ${env:"), [(0, Piece::Text("$X ")), (3, Piece::Unclosed("${env:"))]);
        assert_eq!(pieces(""), []);
    }

    #[test]
    fn an_offset_leads_back_to_the_original() {
        let mut expanded = Expanded::default();
        expanded.push("ab", 0, true);
        expanded.push("VALUE", 2, false);
        expanded.push("cd", 10, true);
        assert_eq!(expanded.text, "abVALUEcd");
        assert_eq!([0, 1, 2, 4, 7, 8].map(|offset| expanded.original(offset)), [0, 1, 2, 2, 10, 11]);
    }
}
