//! Makes JavaScript of TypeScript in place: what only tells types becomes blanks, so that each character of code keeps its
//! line and its column, and an error of the engine has the place of the source.

mod blanks;
mod classes;
mod eraser;
mod imports;
mod mistakes;
mod type_only;

use oxc_allocator::Allocator;
use oxc_ast_visit::Visit;
use oxc_parser::Parser;
use oxc_span::SourceType;

pub use mistakes::Mistake;

/// The JavaScript that a module in TypeScript is without its types. Columns are kept in characters, not in bytes.
///
/// # Errors
///
/// What is no TypeScript, or else everything that cannot be erased because code would have to be made of it.
pub fn erase(text: &str) -> Result<String, Vec<Mistake>> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, text, SourceType::ts()).parse();
    let wrong = parsed.diagnostics.errors().map(|error| {
        let offset = error.labels.first().map_or(0, |label| label.offset() as usize);
        let end = text.trim_end().len();
        if offset >= end {
            return Mistake::of_parser(end, "the file ends too early", None);
        }
        Mistake::of_parser(offset, &error.message, error.help.as_deref())
    });
    let wrong: Vec<Mistake> = wrong.collect();
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let mut eraser = eraser::Eraser::new(text);
    eraser.visit_program(&parsed.program);
    eraser.erase_imports(&parsed.program);
    eraser.finished()
}
