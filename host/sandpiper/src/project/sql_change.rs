//! Changes written as SQL: what the header line declares, and the sections.

use std::sync::Arc;

use sandpiper_engine::fault::{Place, Problem};
use sandpiper_engine::file_name::FileName;
use sandpiper_engine::suggest::nearest;
use sandpiper_sql_syntax::{Dialect, find_header, parse_header, sections};

use super::info::{ChangeInfo, Declaration, KEYS};
use super::{DataChange, DataFile, Form, Payload, StepPair};
use crate::config::Config;
use crate::yaml::{self, kebab, list};

/// A SQL file whose header was read.
#[derive(Debug, Clone)]
pub(super) struct SqlFile {
    file: Arc<str>,
    text: Arc<str>,
    configuration: Option<Payload>,
}

/// Reads the header. When it is wrong the sections are looked at too, so that every problem of the file is told.
pub(super) fn read(file: &str, text: &str, name: &FileName, problems: &mut Vec<Problem>) -> Option<DataFile> {
    let before = problems.len();
    let (info, template, configuration) = header(file, text, name, problems);
    if problems.len() > before {
        if let Err(error) = sections(text, Dialect::Generic) {
            problems.push(section_problem(file, text, &error));
        }
        return None;
    }
    let form = Form::Sql(SqlFile { file: file.into(), text: text.into(), configuration });
    Some(DataFile { info: Arc::new(info?), template, form })
}

fn header(
    file: &str,
    text: &str,
    name: &FileName,
    problems: &mut Vec<Problem>,
) -> (Option<ChangeInfo>, Option<String>, Option<Payload>) {
    let Some(header) = find_header(text) else {
        let what = if text.trim().is_empty() { "the file is empty" } else { "the file has no header" };
        let id = kebab(&name.name);
        let help =
            format!("write `-- sandpiper: id={id} author=orders-team target-system=orders-db` as first line");
        problems.push(Problem::error("change::syntax", what).at(Place::in_text(file, text, 0)).help(help));
        return (None, None, None);
    };
    let mut declaration = Declaration::new(file, text);
    let fields = match parse_header(header.content) {
        Ok(fields) => fields,
        Err(error) => {
            let help = "write `key=value`, values with blanks in double quotes: `description=\"two words\"`";
            declaration.problem(header.offset + error.offset, error.message, help);
            problems.append(&mut declaration.problems);
            return (None, None, None);
        }
    };
    let mut configuration = None;
    let mut seen = Vec::with_capacity(fields.len());
    for field in fields {
        let (key_at, value_at) = (header.offset + field.key_offset, header.offset + field.value_offset);
        let key = kebab(field.key);
        if seen.contains(&key) {
            declaration.problem(key_at, format!("the header says `{key}` twice"), "keep one of the two");
            continue;
        }
        match key.as_str() {
            "configuration" => {
                configuration = read_configuration(&mut declaration, file, &field.value, value_at);
            }
            "order" => declaration.check_order(&field.value, name.order.as_str(), value_at),
            known if KEYS.contains(&known) => declaration.take(known, &field.value, value_at),
            unknown => {
                let help = unknown_key_help(unknown);
                declaration.problem(key_at, format!("a header has no key `{}`", field.key), help);
            }
        }
        seen.push(key);
    }
    let template = declaration.template.take();
    let (info, found) = declaration.finish(header.offset, &name.name, |key, value| format!("{key}={value}"));
    problems.extend(found);
    (info, template, configuration)
}

fn unknown_key_help(key: &str) -> String {
    if let "apply" | "rollback" | "verify" | "steps" = key {
        let marker = if key == "steps" { "apply" } else { key };
        return format!("write the SQL below a line `-- {marker}`");
    }
    match nearest(key, KEYS) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("the keys are {}", list(&KEYS)),
    }
}

/// A `configuration` of a header is written in YAML's short form: `configuration="{ split-statements: true }"`.
fn read_configuration(
    declaration: &mut Declaration<'_>,
    file: &str,
    value: &str,
    at: usize,
) -> Option<Payload> {
    let place = declaration.place(at);
    let mut found = Vec::new();
    let document = yaml::parse(file, value.as_bytes(), "change::syntax", &mut found);
    match document {
        Some(document) if found.is_empty() && matches!(document.root.value, yaml::Value::Mapping(_)) => {
            Some(Payload::at_one_place(&document.root, place))
        }
        _ => {
            let help = "write `configuration=\"{ split-statements: true }\"`";
            declaration.problem(at, "`configuration` is no mapping", help);
            None
        }
    }
}

fn section_problem(file: &str, text: &str, error: &sandpiper_sql_syntax::SectionError) -> Problem {
    let place = Place::in_text(file, text, error.offset);
    Problem::error("change::syntax", error.message.clone()).at(place).help(error.help.clone())
}

/// The sections, with variables replaced.
pub(super) fn steps(
    data: &DataFile,
    sql: &SqlFile,
    template: &str,
    config: &Config,
) -> Result<DataChange, Vec<Problem>> {
    let system = config.system(data.info.target_system.as_str());
    let dialect = system.map_or(Dialect::Generic, |system| Dialect::from_kind(system.kind.name()));
    let sections =
        sections(&sql.text, dialect).map_err(|error| vec![section_problem(&sql.file, &sql.text, &error)])?;
    let mut problems = Vec::new();
    let mut payload = |section: sandpiper_sql_syntax::Section<'_>| {
        Payload::of_sql(&sql.file, &sql.text, section.body, section.offset, config, &mut problems)
    };
    let rollback = sections.rollback.map(&mut payload);
    let verify = sections.verify.map(&mut payload);
    let apply = sections.apply.map(&mut payload);
    let start = Place::in_text(&*sql.file, &sql.text, 0);
    let Some(apply) = apply else {
        let help = "write the SQL that applies the change below a line `-- apply`";
        problems.push(Problem::error("change::syntax", "there is no part that applies").at(start).help(help));
        return Err(problems);
    };
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(DataChange {
        info: data.info.clone(),
        template: template.to_owned(),
        configuration: sql.configuration.clone().unwrap_or_else(|| Payload::absent(start)),
        steps: vec![StepPair { apply, rollback }],
        verify,
    })
}
