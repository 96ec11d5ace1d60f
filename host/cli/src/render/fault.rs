//! Error blocks: what went wrong, where, with the line shown, and what to do next.

use sandpiper::engine::fault::{Effect, Fault, Place, Problem, Severity};
use sandpiper::report::effect_in_words;

use super::style::{Ink, Palette, clean};

/// More characters of a file's line are not shown.
const WIDEST: usize = 120;

/// A fault and all problems that it is made of.
pub(crate) fn fault(fault: &Fault, indent: usize, palette: Palette) -> String {
    let errors = fault.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    let mut text: String = fault.problems.iter().map(|it| problem(it, indent, palette)).collect();
    if errors == 0 || !fault.problems.iter().any(|problem| says_the_same(problem, fault)) {
        let block = Block {
            severity: Severity::Error,
            code: fault.code,
            message: &fault.message,
            place: fault.place.as_ref(),
            help: fault.help.as_deref(),
            note: note(fault),
        };
        // Several problems have said what is wrong; what is left is how many they are.
        match errors {
            0 | 1 => text.push_str(&block.render(indent, palette)),
            _ => text.push_str(&margin(indent, &clean(&fault.message))),
        }
    }
    text
}

/// A problem.
pub(crate) fn problem(problem: &Problem, indent: usize, palette: Palette) -> String {
    let block = Block {
        severity: problem.severity,
        code: problem.code,
        message: &problem.message,
        place: problem.place.as_ref(),
        help: problem.help.as_deref(),
        note: None,
    };
    block.render(indent, palette)
}

fn says_the_same(problem: &Problem, fault: &Fault) -> bool {
    problem.message == fault.message && problem.code == fault.code
}

/// What the failure left behind, where that is not nothing and the help does not tell.
fn note(fault: &Fault) -> Option<&'static str> {
    let words = effect_in_words(fault.effect);
    let told = fault.help.as_deref().is_some_and(|help| help.contains(words));
    (fault.effect != Effect::None && !told).then_some(words)
}

struct Block<'a> {
    severity: Severity,
    code: &'a str,
    message: &'a str,
    place: Option<&'a Place>,
    help: Option<&'a str>,
    note: Option<&'a str>,
}

impl Block<'_> {
    /// What a file's name is warned of is one line, for there may be many such files, at every run.
    fn brief(&self) -> Option<String> {
        let is_brief = self.severity == Severity::Warning && self.code == "change::file-name";
        let place = self.place.filter(|_| is_brief)?;
        let told: Vec<&str> = [Some(self.message), self.help].into_iter().flatten().collect();
        Some(format!("{place}: {}", told.join("; ")))
    }

    fn render(&self, indent: usize, palette: Palette) -> String {
        let (word, ink) = match self.severity {
            Severity::Error => ("error", Ink::Bad),
            Severity::Warning => ("warning", Ink::Odd),
        };
        let title = palette.paint(ink, &format!("{word}[{}]", clean(self.code)));
        if let Some(told) = self.brief() {
            return margin(indent, &format!("{title}: {}", clean(&told)));
        }
        let mut text = String::new();
        let mut lines = self.message.lines().map(clean);
        text.push_str(&margin(indent, &format!("{title}: {}", lines.next().unwrap_or_default())));
        for line in lines {
            text.push_str(&margin(indent + 2, &line));
        }
        if let Some(place) = self.place {
            text.push_str(&at(place, indent, palette));
        }
        for (word, told) in [("note", self.note), ("help", self.help)] {
            let Some(told) = told else { continue };
            let title = palette.paint(Ink::Link, word);
            let mut lines = told.lines().map(clean);
            text.push_str(&margin(indent, &format!("{title}: {}", lines.next().unwrap_or_default())));
            for line in lines {
                text.push_str(&margin(indent + 6, &line));
            }
        }
        text
    }
}

/// `--> file:line:column`, and the line with a caret.
fn at(place: &Place, indent: usize, palette: Palette) -> String {
    let arrow = palette.paint(Ink::Link, "-->");
    let mut text = margin(indent + 2, &format!("{arrow} {}", clean(&place.to_string())));
    let (Some(line), Some(excerpt)) = (place.line, place.excerpt.as_deref()) else {
        return text;
    };
    let excerpt = excerpt.trim_start_matches('\u{feff}');
    if excerpt.trim().is_empty() {
        return text;
    }
    let number = line.to_string();
    let column = place.column.map(|column| column.saturating_sub(1) as usize);
    let (shown, column) = window(excerpt, column);
    let bar = palette.paint(Ink::Link, "|");
    text.push_str(&margin(indent + 2, &format!("{} {bar} {shown}", palette.paint(Ink::Link, &number))));
    if let Some(column) = column {
        let caret = palette.paint(Ink::Bad, "^");
        text.push_str(&margin(
            indent + 2,
            &format!("{} {bar} {}{caret}", " ".repeat(number.len()), " ".repeat(column)),
        ));
    }
    text
}

/// The part of a long line that holds the column, cleaned, and where the column is in it.
fn window(excerpt: &str, column: Option<usize>) -> (String, Option<usize>) {
    let excerpt = excerpt.trim_end();
    let start = match column {
        Some(column) if column >= WIDEST => column - WIDEST / 2,
        _ => 0,
    };
    let cut = if start > 0 { "… " } else { "" };
    let before: String = excerpt.chars().take(column.unwrap_or(0)).skip(start).collect();
    let shown: String = excerpt.chars().skip(start).take(WIDEST).collect();
    let at = column.map(|_| cut.chars().count() + clean(&before).chars().count());
    (format!("{cut}{}", clean(&shown)), at)
}

fn margin(indent: usize, line: &str) -> String {
    let line = format!("{}{line}", " ".repeat(indent));
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use sandpiper::engine::fault::Blame;

    use super::*;

    fn show(it: &Fault) -> String {
        fault(it, 0, Palette::default())
    }

    #[test]
    fn a_fault_shows_its_line_and_what_to_do() {
        let place = Place::in_text("changes/_0001__X.sql", "-- apply\nSELECT\tstatsu;\n", 16);
        let it = Fault::new("change::failed", Blame::Change, "column \"statsu\" does not exist")
            .with_place(Some(place))
            .with_help("nothing was changed; fix the file");
        let expected = "\
error[change::failed]: column \"statsu\" does not exist
  --> changes/_0001__X.sql:2:8
  2 | SELECT statsu;
    |        ^
help: nothing was changed; fix the file
";
        assert_eq!(show(&it), expected);
    }

    #[test]
    fn an_unknown_effect_is_said_once() {
        let it = Fault::new("change::failed", Blame::Change, "no").with_effect(Effect::Unknown);
        assert_eq!(show(&it), "error[change::failed]: no\nnote: its effect may remain\n");
        let it = it.with_help("its effect may remain; look at it");
        assert_eq!(show(&it), "error[change::failed]: no\nhelp: its effect may remain; look at it\n");
    }

    #[test]
    fn all_problems_are_shown_and_counted() {
        let problems =
            vec![Problem::error("a", "one"), Problem::warning("b", "two"), Problem::error("c", "three")];
        let expected =
            "error[a]: one\nwarning[b]: two\nerror[c]: three\n2 problems were found, and nothing was done\n";
        assert_eq!(show(&Fault::from_problems(problems)), expected);
    }

    #[test]
    fn a_warning_about_a_file_is_one_line() {
        let warning = Problem::warning("change::file-name", "it is not written in PascalCase");
        let warning = warning.at(Place::file("changes/_0001__a.sql")).help("`A` is recommended");
        assert_eq!(
            problem(&warning, 0, Palette::default()),
            "warning[change::file-name]: changes/_0001__a.sql: it is not written in PascalCase; `A` is recommended\n"
        );
    }

    #[test]
    fn a_single_problem_is_not_said_twice() {
        let fault = Fault::from_problems(vec![Problem::error("a", "one").help("mend it")]);
        assert_eq!(show(&fault), "error[a]: one\nhelp: mend it\n");
    }

    #[test]
    fn a_message_of_a_server_keeps_its_lines_and_loses_its_escapes() {
        let it = Fault::new("change::failed", Blame::Change, "no\nDETAIL: \u{1b}[31mred");
        assert_eq!(show(&it), "error[change::failed]: no\n  DETAIL: \\u{1b}[31mred\n");
    }

    #[test]
    fn a_long_line_is_shown_around_its_column() {
        let text = format!("{}HERE", "x".repeat(150));
        let (shown, column) = window(&text, Some(150));
        assert_eq!(shown.chars().skip(column.unwrap()).collect::<String>(), "HERE");
        assert!(shown.chars().count() <= WIDEST);
    }
}
