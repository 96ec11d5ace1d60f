//! Columns that line up, whatever their colours.

use super::style::{Ink, Palette, clean};

/// One cell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    text: String,
    ink: Option<Ink>,
    right: bool,
    tight: bool,
}

impl Cell {
    /// A cell; control characters in the text are written out.
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self { text: clean(text.as_ref()), ink: None, right: false, tight: false }
    }

    /// A mark, which is read with what follows it.
    pub(crate) fn mark(mark: &str) -> Self {
        Self { tight: true, ..Self::new(mark) }
    }

    /// The same cell in a colour.
    #[must_use]
    pub(crate) fn ink(mut self, ink: Ink) -> Self {
        self.ink = Some(ink);
        self
    }

    /// The same cell, aligned to the right.
    #[must_use]
    pub(crate) fn right(mut self) -> Self {
        self.right = true;
        self
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// Rows of cells; between them may stand lines that belong to no column.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
enum Row {
    Cells { indent: usize, cells: Vec<Cell> },
    Line(String),
}

impl Table {
    /// A table whose first row names the columns.
    pub(crate) fn with_heads(heads: &[&str]) -> Self {
        let mut table = Self::default();
        table.row(0, heads.iter().map(|head| Cell::new(head).ink(Ink::Faint)).collect());
        table
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, indent: usize, cells: Vec<Cell>) {
        self.rows.push(Row::Cells { indent, cells });
    }

    /// Adds text that is ready to print.
    pub(crate) fn line(&mut self, line: impl Into<String>) {
        self.rows.push(Row::Line(line.into()));
    }

    /// The table as text; columns without any text take no room.
    pub(crate) fn render(&self, palette: Palette) -> String {
        let widths = self.widths();
        let mut text = String::new();
        for row in &self.rows {
            match row {
                Row::Line(line) => text.push_str(line.trim_end_matches('\n')),
                Row::Cells { indent, cells } => text.push_str(&line(*indent, cells, &widths, palette)),
            }
            text.push('\n');
        }
        text
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths = Vec::new();
        for row in &self.rows {
            let Row::Cells { cells, .. } = row else { continue };
            widths.resize(widths.len().max(cells.len()), 0);
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = cell.width().max(*width);
            }
        }
        widths
    }
}

fn line(indent: usize, cells: &[Cell], widths: &[usize], palette: Palette) -> String {
    let mut line = " ".repeat(indent);
    let mut owed = 0;
    for (cell, width) in cells.iter().zip(widths).filter(|(_, width)| **width > 0) {
        let blanks = width.saturating_sub(cell.width());
        let (before, after) = if cell.right { (blanks, 0) } else { (0, blanks) };
        if !cell.text.is_empty() {
            line.push_str(&" ".repeat(owed + before));
            line.push_str(&cell.ink.map_or_else(|| cell.text.clone(), |ink| palette.paint(ink, &cell.text)));
            owed = after;
        } else {
            owed += width;
        }
        owed += if cell.tight { 1 } else { 2 };
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_empty_ones_take_no_room() {
        let mut table = Table::with_heads(&["id", "", "time", "note"]);
        table.row(0, vec!["größe".into(), "".into(), Cell::new("3 ms").right(), "".into()]);
        table.line("  between\n");
        table.row(0, vec!["x".into(), "".into(), Cell::new("1200 ms").right(), "late".into()]);
        let expected = "id     time     note\ngröße     3 ms\n  between\nx      1200 ms  late\n";
        assert_eq!(table.render(Palette::default()), expected);
    }

    #[test]
    fn colours_do_not_move_columns() {
        let mut table = Table::default();
        table.row(1, vec![Cell::mark("a").ink(Ink::Good), "b".into()]);
        table.row(1, vec![Cell::mark("aa"), "c".into()]);
        assert_eq!(table.render(Palette { colors: true }), " \u{1b}[32ma\u{1b}[0m  b\n aa c\n");
    }

    #[test]
    fn a_cell_cannot_break_its_line() {
        let mut table = Table::default();
        table.row(0, vec!["a\n\u{1b}b".into()]);
        assert_eq!(table.render(Palette::default()), "a \\u{1b}b\n");
    }
}
