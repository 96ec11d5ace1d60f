//! The text of a source file: from lines and columns, which people and the engine count in characters from 1, to bytes.

/// A line and a column, both counted from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Position {
    /// Where a text begins.
    pub(crate) const START: Self = Self { line: 1, column: 1 };

    /// The position of a byte.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_begins = before.rfind('\n').map_or(0, |newline| newline + 1);
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            line: count(before.matches('\n').count() + 1),
            column: count(before.get(line_begins..).unwrap_or_default().chars().count() + 1),
        }
    }

    /// The byte that stands there.
    pub(crate) fn offset(self, text: &str) -> Option<u32> {
        let line = (self.line as usize).checked_sub(1)?;
        let begins = match line {
            0 => 0,
            _ => text.match_indices('\n').nth(line - 1)?.0 + 1,
        };
        let rest = text.get(begins..)?;
        let within = rest.char_indices().nth((self.column as usize).checked_sub(1)?).map(|(at, _)| at);
        u32::try_from(begins + within.unwrap_or(rest.len())).ok()
    }

    /// Where a text ends, but for the line breaks there.
    pub(crate) fn end(text: &str) -> Self {
        Self::of(text, text.trim_end().len())
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}

/// Where a key of the change stands in its source, as far as that can be seen without understanding it.
pub(crate) fn key(text: &str, key: &str) -> Option<Position> {
    let stands = |at: &usize| {
        let before = text.get(..*at).and_then(|before| before.chars().next_back());
        let after = text.get(at + key.len()..).unwrap_or_default().trim_start();
        !before.is_some_and(is_word) && (after.starts_with(':') || after.starts_with('('))
    };
    let found = text.match_indices(key).map(|(at, _)| at).find(stands)?;
    Some(Position::of(text, found))
}

/// Where a module, or a name of one, is imported.
pub(crate) fn import(text: &str, name: &str) -> Option<Position> {
    word(text, name, text.find("import")?)
}

/// Where a name stands that is not defined. The engine itself only tells the function, if any.
pub(crate) fn undefined(text: &str, message: &str, within: Option<Position>) -> Option<Position> {
    let name = message.strip_prefix("ReferenceError: ")?.strip_suffix(" is not defined")?;
    let from = within.and_then(|within| within.offset(text)).unwrap_or_default();
    word(text, name, from as usize)
}

/// The first place after a byte at which a word stands as a whole.
fn word(text: &str, word: &str, from: usize) -> Option<Position> {
    let stands = |at: &usize| {
        let before = text.get(..*at).and_then(|before| before.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    };
    let found = text.match_indices(word).map(|(at, _)| at).filter(|at| *at >= from).find(stands)?;
    Some(Position::of(text, found))
}

/// Where the change itself begins: at its default export.
pub(crate) fn export(text: &str) -> Position {
    let lines = text.match_indices("export").map(|(at, _)| at);
    let is_default = |at: &usize| {
        let after = text.get(at + "export".len()..).unwrap_or_default();
        after.trim_start().starts_with("default")
    };
    lines.into_iter().find(is_default).map_or(Position::START, |at| Position::of(text, at))
}

/// Where the first of the frames of an error lies that is in this file: frames read `at name (file:line:column)`.
pub(crate) fn in_stack(stack: &str, file: &str) -> Option<Position> {
    stack.lines().find_map(|line| {
        let place = line.rsplit_once('(')?.1.strip_suffix(')')?;
        let place = place.strip_prefix(file)?.strip_prefix(':')?;
        let (line, column) = place.split_once(':')?;
        Some(Position { line: line.parse().ok()?, column: column.parse().ok()? })
    })
}

/// A message of the engine's parser, which ends with its position, apart from it.
pub(crate) fn of_parser(message: &str) -> (&str, Option<Position>) {
    let parts = || {
        let (words, place) = message.rsplit_once(" at line ")?;
        let (line, column) = place.split_once(", col ")?;
        Some((words, Position { line: line.parse().ok()?, column: column.parse().ok()? }))
    };
    parts().map_or((message, None), |(words, position)| (words, Some(position)))
}
