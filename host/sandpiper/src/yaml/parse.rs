//! Reads the text of a YAML file into a tree: one document, no duplicate keys, and nothing that grows without bound.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sandpiper_engine::fault::{Place, Problem};
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::scalar::{Scalar, Style};
use super::text::{Offsets, printable};
use super::{Document, Entry, Node, Value};

/// How deep values may stand in each other.
const MAX_DEPTH: usize = 128;

/// How much aliases may bring in again: values, and bytes of their texts.
const MAX_ALIASED: Size = Size { nodes: 100_000, bytes: 16 << 20, depth: MAX_DEPTH };

/// Reads a file. What is wrong is added to `problems`; the tree comes back when the file could be read to its end, with
/// the first of each pair of duplicate keys.
pub(crate) fn parse(
    file: &str,
    bytes: &[u8],
    code: &'static str,
    problems: &mut Vec<Problem>,
) -> Option<Document> {
    let text = match printable(file, bytes, code) {
        Ok(text) => text,
        Err(problem) => {
            problems.push(*problem);
            return None;
        }
    };
    let mut tree = Tree { file, text, code, offsets: Offsets::new(text), ..Tree::default() };
    let root = tree.read();
    problems.append(&mut tree.problems);
    Some(Document { file: file.into(), text: text.into(), code, root: root? })
}

/// How much a value holds.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    nodes: usize,
    bytes: usize,
    depth: usize,
}

/// A collection that is not at its end yet.
struct Open {
    at: usize,
    anchor: usize,
    size: Size,
    items: Vec<Node>,
    mapping: Option<Keys>,
}

/// What a mapping holds so far.
#[derive(Default)]
struct Keys {
    entries: Vec<Entry>,
    seen: HashSet<Arc<str>>,
    /// The key that waits for its value: none when it is a duplicate, or no text.
    waiting: Option<Option<(Arc<str>, usize)>>,
}

#[derive(Default)]
struct Tree<'t> {
    file: &'t str,
    text: &'t str,
    code: &'static str,
    offsets: Offsets<'t>,
    problems: Vec<Problem>,
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, Size)>,
    aliased: Size,
    root: Option<Node>,
}

impl Tree<'_> {
    fn problem(&mut self, at: usize, message: impl Into<String>, help: &str) {
        let problem = Problem::error(self.code, message).at(Place::in_text(self.file, self.text, at));
        self.problems.push(problem.help(help));
    }

    fn read(&mut self) -> Option<Node> {
        let mut documents = 0;
        for event in Parser::new_from_str(self.text) {
            let (event, span) = match event {
                Ok(event) => event,
                Err(error) => {
                    let at = self.offsets.of(error.marker());
                    self.problem(at, format!("it is not YAML: {}", error.info()), hint(error.info()));
                    return None;
                }
            };
            let at = self.offsets.of(&span.start);
            if matches!(event, Event::DocumentStart(_)) {
                documents += 1;
                if documents > 1 {
                    self.problem(at, "a second document begins here", "write one document in each file");
                    return None;
                }
            }
            self.event(event, at)?;
        }
        let null = || Node { at: 0, value: Value::Scalar(scalar("", Style::Plain, false)) };
        Some(self.root.take().unwrap_or_else(null))
    }

    /// None when reading cannot go on.
    fn event(&mut self, event: Event<'_>, at: usize) -> Option<()> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = self.tag(tag.as_deref(), at);
                let size = Size { nodes: 1, bytes: text.len(), depth: 0 };
                let value = Value::Scalar(scalar(&text, style_of(style), is_text));
                self.complete(Node { at, value }, anchor, size);
            }
            Event::SequenceStart(anchor, tag) => self.begin(at, anchor, tag.as_deref(), None)?,
            Event::MappingStart(anchor, tag) => {
                self.begin(at, anchor, tag.as_deref(), Some(Keys::default()))?
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let open = self.open.pop()?;
                let value = match open.mapping {
                    Some(keys) => Value::Mapping(keys.entries),
                    None => Value::Sequence(open.items),
                };
                self.complete(Node { at: open.at, value }, open.anchor, open.size);
            }
            Event::Alias(anchor) => self.alias(anchor, at)?,
            _ => {}
        }
        Some(())
    }

    fn begin(&mut self, at: usize, anchor: usize, tag: Option<&Tag>, mapping: Option<Keys>) -> Option<()> {
        self.tag(tag, at);
        if self.open.len() >= MAX_DEPTH {
            self.too_deep(at);
            return None;
        }
        let size = Size { nodes: 1, ..Size::default() };
        self.open.push(Open { at, anchor, size, items: Vec::new(), mapping });
        Some(())
    }

    fn too_deep(&mut self, at: usize) {
        let message = format!("values stand more than {MAX_DEPTH} deep in each other");
        self.problem(at, message, "write it with fewer levels");
    }

    fn alias(&mut self, anchor: usize, at: usize) -> Option<()> {
        let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
            self.problem(at, "an alias stands inside the value that it names", "write the value out");
            return None;
        };
        self.aliased.nodes += size.nodes;
        self.aliased.bytes += size.bytes;
        if self.aliased.nodes > MAX_ALIASED.nodes || self.aliased.bytes > MAX_ALIASED.bytes {
            self.problem(at, "its aliases bring in too much", "write the values out, or use fewer aliases");
            return None;
        }
        if self.open.len() + size.depth > MAX_DEPTH {
            self.too_deep(at);
            return None;
        }
        self.complete(node, 0, size);
        Some(())
    }

    /// Whether a tag says "this is a text". Other tags of the core schema say what is seen anyway.
    fn tag(&mut self, tag: Option<&Tag>, at: usize) -> bool {
        let Some(tag) = tag else { return false };
        let known = ["str", "int", "float", "bool", "null", "seq", "map"].contains(&tag.suffix.as_str());
        if !tag.is_yaml_core_schema() || !known {
            let message = format!("the tag `{tag}` means nothing here");
            self.problem(at, message, "leave it out");
        }
        tag.suffix == "str"
    }

    /// Puts a value that is at its end where it belongs.
    fn complete(&mut self, node: Node, anchor: usize, size: Size) {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        open.size.nodes += size.nodes;
        open.size.bytes += size.bytes;
        open.size.depth = open.size.depth.max(size.depth + 1);
        let Some(keys) = &mut open.mapping else {
            open.items.push(node);
            return;
        };
        match keys.waiting.take() {
            Some(Some((key, key_at))) => keys.entries.push(Entry { key, key_at, value: node }),
            Some(None) => {}
            None => self.key(node),
        }
    }

    fn key(&mut self, node: Node) {
        let Value::Scalar(scalar) = node.value else {
            self.wait_for_value(None);
            self.problem(node.at, "a key is a text", "write one word before the `:`");
            return;
        };
        let key = scalar.text;
        let first =
            self.open.last().and_then(|open| open.mapping.as_ref()).filter(|keys| keys.seen.contains(&key));
        let first = first
            .and_then(|keys| keys.entries.iter().find(|entry| entry.key == key))
            .map(|entry| entry.key_at);
        if let Some(first) = first {
            let line = Place::in_text(self.file, self.text, first).line.unwrap_or_default();
            self.wait_for_value(None);
            self.problem(
                node.at,
                format!("the key `{key}` stands in line {line} already"),
                "keep one of the two",
            );
            return;
        }
        self.wait_for_value(Some((key, node.at)));
    }

    fn wait_for_value(&mut self, key: Option<(Arc<str>, usize)>) {
        if let Some(keys) = self.open.last_mut().and_then(|open| open.mapping.as_mut()) {
            keys.seen.extend(key.as_ref().map(|(key, _)| Arc::clone(key)));
            keys.waiting = Some(key);
        }
    }
}

fn scalar(text: &str, style: Style, is_text: bool) -> Scalar {
    Scalar { text: text.into(), style, is_text }
}

fn style_of(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::SingleQuoted,
        ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
    }
}

/// What most likely helps against an error of the parser.
fn hint(info: &str) -> &'static str {
    if info.contains("tab") {
        "indent with blanks, never with tabs"
    } else if info.contains("mapping values are not allowed") {
        "put a value that holds `: ` into quotes, or write it below a `|`"
    } else if info.contains("quoted scalar") {
        "close the quotes"
    } else if info.contains("anchor") {
        "define the anchor (`&name`) before its alias (`*name`)"
    } else {
        "check the indentation, and put values with special characters into quotes"
    }
}

#[cfg(test)]
mod tests {
    use super::super::to_json;
    use super::*;

    fn read(text: &str) -> (Option<Document>, Vec<Problem>) {
        let mut problems = Vec::new();
        (parse("x.yaml", text.as_bytes(), "config::syntax", &mut problems), problems)
    }

    fn json(text: &str) -> String {
        let (document, problems) = read(text);
        assert_eq!(problems, []);
        to_json(&document.unwrap().root, &mut |_, _, scalar| scalar.text.to_string())
    }

    fn only_problem(text: &str) -> Problem {
        let (_, mut problems) = read(text);
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems.remove(0)
    }

    fn place(problem: &Problem) -> String {
        problem.place.as_ref().unwrap().to_string()
    }

    #[test]
    fn a_document_becomes_json() {
        let yaml = "a: 1\nb: [x, 'y', \"z\\n\", ~, true]\nc:\n  - |\n    two\n    lines\n  - {d: 0x10}\n";
        assert_eq!(json(yaml), r#"{"a":1,"b":["x","y","z\n",null,true],"c":["two\nlines\n",{"d":16}]}"#);
        assert_eq!(json(""), "null");
        assert_eq!(json("\u{feff}a: b"), r#"{"a":"b"}"#);
        assert_eq!(json("a: !!str 12"), r#"{"a":"12"}"#);
    }

    #[test]
    fn aliases_bring_their_values() {
        assert_eq!(json("a: &x {k: [1]}\nb: *x\nc: *x"), r#"{"a":{"k":[1]},"b":{"k":[1]},"c":{"k":[1]}}"#);
    }

    #[test]
    fn a_duplicate_key_names_the_line_of_the_first() {
        let problem = only_problem("a: 1\nb:\n  c: 1\n  c: 2\n");
        assert_eq!(problem.message, "the key `c` stands in line 3 already");
        assert_eq!(place(&problem), "x.yaml:4:3");
        assert_eq!(problem.place.unwrap().excerpt.as_deref(), Some("  c: 2"));
        assert!(only_problem("{a: 1, 'a': 2}").message.contains("`a`"));
    }

    #[test]
    fn every_duplicate_key_is_told() {
        let (document, problems) = read("a: 1\na: {x: 1, x: 2}\na: 3\n");
        assert_eq!(
            problems.iter().map(place).collect::<Vec<_>>(),
            ["x.yaml:2:1", "x.yaml:2:11", "x.yaml:3:1"]
        );
        let json = to_json(&document.unwrap().root, &mut |_, _, scalar| scalar.text.to_string());
        assert_eq!(json, r#"{"a":1}"#);
    }

    #[test]
    fn a_billion_laughs_is_a_problem_and_no_hang() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = format!("*a{}", level - 1);
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", [before.as_str(); 10].join(", ")));
        }
        assert!(only_problem(&bomb).message.contains("aliases bring in too much"));
        let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), ["*a"; 100].join(", "));
        assert!(only_problem(&long).message.contains("aliases bring in too much"));
    }

    #[test]
    fn depth_is_bounded_also_through_aliases() {
        assert!(only_problem(&"- ".repeat(200)).message.contains("128 deep"));
        assert!(only_problem(&format!("a: {}", "[".repeat(200))).message.contains("128 deep"));
        let mut nested = "a0: &a0 x\n".to_owned();
        for level in 1..200 {
            nested.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
        }
        assert!(only_problem(&nested).message.contains("128 deep"));
    }

    #[test]
    fn an_alias_inside_its_own_anchor_is_a_problem() {
        assert!(only_problem("a: &a [*a]").message.contains("inside the value"));
    }

    #[test]
    fn an_alias_without_anchor_is_a_problem() {
        assert_eq!(place(&only_problem("a: 1\nb: *nowhere\n")), "x.yaml:2:4");
    }

    #[test]
    fn a_second_document_is_a_problem() {
        let problem = only_problem("---\na: 1\n---\na: 2\n");
        assert_eq!(
            (place(&problem).as_str(), problem.message.as_str()),
            ("x.yaml:3:1", "a second document begins here")
        );
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_told_with_their_line() {
        let mut problems = Vec::new();
        assert!(parse("x.yaml", b"a: 1\nb: \xff\n", "change::syntax", &mut problems).is_none());
        assert_eq!((place(&problems[0]).as_str(), problems[0].code), ("x.yaml:2:4", "change::syntax"));
    }

    #[test]
    fn control_characters_are_told_and_nothing_is_cut_off() {
        assert_eq!(place(&only_problem("a: 1\nb: x\0y\n")), "x.yaml:2:5");
    }

    #[test]
    fn columns_count_characters() {
        assert_eq!(place(&only_problem("{ü: é, ö: 1, ö: 2}")), "x.yaml:1:14");
    }

    #[test]
    fn a_syntax_error_has_its_place_and_a_hint() {
        let problem = only_problem("a: b: c\n");
        assert!(place(&problem).starts_with("x.yaml:1:"), "{problem:?}");
        assert!(problem.help.unwrap().contains("quotes"));
        assert!(only_problem("a:\n\t- b\n").help.unwrap().contains("tabs"));
        only_problem("a: [1, 2");
        only_problem("a: 'open");
    }

    #[test]
    fn unknown_tags_and_keys_that_are_no_text_are_problems() {
        assert!(only_problem("a: !secret x").message.contains("secret"));
        assert!(only_problem("[a, b]: c").message.contains("a key is a text"));
    }

    #[test]
    fn any_text_is_read_without_a_panic() {
        let alphabet: Vec<char> = " \n\t[]{}:,&*!|>'\"%@`ab-01#?~.<\\é".chars().collect();
        let mut state = 7_u64;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..(state >> 40) % 40 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push(alphabet[(state >> 33) as usize % alphabet.len()]);
            }
            state = state.wrapping_add(1).wrapping_mul(6_364_136_223_846_793_005);
            let (document, problems) = read(&text);
            assert!(document.is_some() || !problems.is_empty(), "{text:?}");
        }
    }
}
