//! What the engine is given of a source: the text itself, or what it is without its types.

use crate::bindings::Source;
use crate::engine::Wrong;
use crate::text::Position;

/// The JavaScript of a source. Its lines and columns are those of the source, its bytes need not be.
pub(crate) fn of(source: &Source) -> Result<Source, Vec<Wrong>> {
    if !source.file_name.ends_with(".ts") {
        return Ok(source.clone());
    }
    match sandpiper_type_erasure::erase(&source.text) {
        Ok(text) => Ok(Source { file_name: source.file_name.clone(), text }),
        Err(mistakes) => Err(mistakes
            .into_iter()
            .map(|mistake| Wrong {
                message: mistake.message,
                position: Some(Position::of(&source.text, mistake.offset)),
                help: mistake.help,
            })
            .collect()),
    }
}
