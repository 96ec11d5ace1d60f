//! A component as its bytes show it, before anything of it is compiled: what it is, what it imports and exports, and
//! what was written into it when it was built.

use std::fmt;
use std::sync::Arc;

use sandpiper_engine::digest::Digest;
use sandpiper_engine::fault::{Blame, Fault};
use wasmparser::{Chunk, Encoding, KnownCustom, Parser, Payload};

use crate::engine::Code;
use crate::imports;
use crate::limits::{Bytes, Limits};
use crate::target::Capability;

/// The custom section in which `sandpiper build` keeps the digest of a component's sources: 64 hexadecimal digits.
pub const SOURCES_SECTION: &str = "sandpiper:sources";

/// A checked component. Clones are the same component; it is compiled once, when it is first needed.
#[derive(Clone)]
pub struct Component(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) bytes: Arc<[u8]>,
    digest: Digest,
    kind: Kind,
    facts: Facts,
    code: Code,
}

/// What a component is, by what it exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A change: `sandpiper:change/description` and a `change` interface.
    Change,
    /// A template plugin: `sandpiper:change/template` and a `runner`.
    Template,
    /// A language plugin: `sandpiper:change/language` and a `source-runner`.
    Language,
}

impl Kind {
    /// As documents name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Template => "template",
            Self::Language => "language",
        }
    }

    /// Who has to mend it.
    pub(crate) fn blame(self) -> Blame {
        match self {
            Self::Change => Blame::Change,
            Self::Template | Self::Language => Blame::Plugin,
        }
    }

    /// The interface that it describes itself with, and the one that a capability calls.
    pub(crate) fn interfaces(self) -> (&'static str, &'static str) {
        match self {
            Self::Change => ("description", "change"),
            Self::Template => ("template", "runner"),
            Self::Language => ("language", "source-runner"),
        }
    }
}

/// A tool or language that a component says it was made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Producer {
    /// `language`, `processed-by` or `sdk`.
    pub field: String,
    /// What.
    pub name: String,
    /// Which version of it; empty where it has none.
    pub version: String,
}

/// Tools that put an interpreter into a component, and the language that it interprets: what the component names besides is
/// the language that the interpreter was written in.
const INTERPRETERS: [(&str, &str); 2] = [("componentize-py", "Python"), ("ComponentizeJS", "JavaScript")];

/// Which language a tool tells of, where stripping removed the language itself. C comes last: the libraries of other
/// languages are made with its tool.
const LANGUAGE_OF_TOOL: [(&str, &str); 3] =
    [("wit-bindgen-rust", "Rust"), ("wit-bindgen-go", "Go"), ("wit-bindgen-c", "C")];

/// What is read from the bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
    pub(crate) producers: Vec<Producer>,
    /// What the component itself says, not a module in it.
    pub(crate) language: Option<String>,
    pub(crate) sources: Option<Digest>,
}

impl Component {
    /// Reads and checks a component's bytes, whose digest is known.
    ///
    /// # Errors
    ///
    /// `change::too-large`, `change::not-a-component`, `change::wrong-world` and `change::not-allowed`.
    pub(crate) fn load(bytes: Arc<[u8]>, digest: Digest, limits: &Limits) -> Result<Self, Fault> {
        if bytes.len() > limits.component {
            let (size, limit) = (bytes.len(), Bytes(limits.component));
            let message = format!("the component has {size} bytes, more than {limit} (`limits.component`)");
            let help = "strip it and leave out what it does not need, or raise the limit";
            return Err(Fault::new("change::too-large", Blame::Change, message).with_help(help));
        }
        let facts = read(&bytes).map_err(|why| not_a_component(&why))?;
        let kind = imports::kind(&facts)?;
        imports::check_allowed(kind, &facts)?;
        Ok(Self(Arc::new(Inner { bytes, digest, kind, facts, code: Code::default() })))
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The digest that it was loaded with.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// Its bytes.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.0.bytes
    }

    /// The names of what it imports, in its own order: `sandpiper:sql/client@0.1.0`.
    pub fn imports(&self) -> &[String] {
        &self.0.facts.imports
    }

    /// The names of what it exports, in its own order.
    pub fn exports(&self) -> &[String] {
        &self.0.facts.exports
    }

    /// The capabilities whose systems it can be run on.
    pub fn capabilities(&self) -> Vec<Capability> {
        imports::capabilities(self.0.kind, &self.0.facts.exports)
    }

    /// Whether it can tell, on a system of this capability, if it is applied. A language plugin decides by source.
    pub fn has_verify(&self, capability: Capability) -> bool {
        let interface = match self.0.kind {
            Kind::Change => "verify",
            Kind::Template => "step-verifier",
            Kind::Language => "source-runner",
        };
        imports::exports(&self.0.facts.exports, capability.as_str(), interface)
    }

    /// The digest of the sources that `sandpiper build` made it from. A claim of the file, which nothing proves.
    pub fn sources(&self) -> Option<Digest> {
        self.0.facts.sources
    }

    /// The tools and languages that it says it was made with.
    pub fn producers(&self) -> &[Producer] {
        &self.0.facts.producers
    }

    /// The language that it was written in: as it says itself, else by what the tools that made it say.
    pub fn language(&self) -> Option<&str> {
        let by = |tools: &'static [(&str, &str)]| {
            let told =
                |(tool, _): &&(&str, &str)| self.producers().iter().any(|producer| producer.name == *tool);
            tools.iter().find(told).map(|(_, language)| *language)
        };
        let named = || self.producers().iter().find(|producer| producer.field == "language");
        self.0
            .facts
            .language
            .as_deref()
            .or_else(|| by(&INTERPRETERS))
            .or_else(|| named().map(|producer| producer.name.as_str()))
            .or_else(|| by(&LANGUAGE_OF_TOOL))
    }

    /// Whether it was compiled, or could not be.
    pub(crate) fn is_compiled(&self) -> bool {
        self.0.code.is_there()
    }

    pub(crate) fn code(&self) -> &Code {
        &self.0.code
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.0.facts
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component")
            .field("digest", &self.0.digest)
            .field("kind", &self.0.kind)
            .finish_non_exhaustive()
    }
}

/// The fault of a file that is no component, or not one that can be read.
pub(crate) fn not_a_component(why: &str) -> Fault {
    let help =
        "`sandpiper build` makes components; of a Rust library so does `cargo build --target wasm32-wasip2`";
    Fault::new("change::not-a-component", Blame::Change, why).with_help(help)
}

/// Walks over the bytes without looking into code and data.
fn read(bytes: &[u8]) -> Result<Facts, String> {
    if bytes.is_empty() {
        return Err("the file is empty".to_owned());
    }
    if !bytes.starts_with(b"\0asm") {
        return Err("the file is not WebAssembly".to_owned());
    }
    let mut facts = Facts::default();
    let mut parsers = vec![Parser::new(0)];
    let mut rest = bytes;
    while let Some(parser) = parsers.last_mut() {
        let parsed = parser.parse(rest, true).map_err(|error| damaged(bytes, &error))?;
        let Chunk::Parsed { consumed, payload } = parsed else {
            return Err(truncated(bytes));
        };
        rest = rest.get(consumed..).unwrap_or_default();
        let is_root = parsers.len() == 1;
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } if is_root => {
                return Err("the file is a core module of WebAssembly, not a component".to_owned());
            }
            Payload::ModuleSection { parser, .. } | Payload::ComponentSection { parser, .. } => {
                parsers.push(parser)
            }
            Payload::UnknownSection { id, range, .. } => {
                return Err(format!(
                    "the component is damaged at byte {}: no section has the number {id}",
                    range.start
                ));
            }
            Payload::CodeSectionStart { size, .. } => {
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                rest = rest.get(size..).ok_or_else(|| truncated(bytes))?;
                if let Some(parser) = parsers.last_mut() {
                    parser.skip_section();
                }
            }
            Payload::End(_) => {
                parsers.pop();
            }
            Payload::CustomSection(section) => custom(&mut facts, &section, is_root),
            payload if is_root => look(&mut facts, &payload).map_err(|error| damaged(bytes, &error))?,
            _ => {}
        }
    }
    Ok(facts)
}

/// Notes what the component itself imports and exports.
fn look(facts: &mut Facts, payload: &Payload<'_>) -> wasmparser::Result<()> {
    match payload {
        Payload::ComponentImportSection(imports) => {
            for import in imports.clone() {
                facts.imports.push(import?.name.name.to_owned());
            }
        }
        Payload::ComponentExportSection(exports) => {
            for export in exports.clone() {
                facts.exports.push(export?.name.name.to_owned());
            }
        }
        _ => {}
    }
    Ok(())
}

/// Notes what tools wrote into it. What cannot be read there is no fault: it is only information.
fn custom(facts: &mut Facts, section: &wasmparser::CustomSectionReader<'_>, is_root: bool) {
    if is_root && section.name() == SOURCES_SECTION {
        facts.sources = std::str::from_utf8(section.data()).ok().and_then(|text| text.trim().parse().ok());
        return;
    }
    let KnownCustom::Producers(fields) = section.as_known() else {
        return;
    };
    for field in fields.into_iter().flatten() {
        for value in field.values.into_iter().flatten() {
            let (field, name, version) = (field.name.into(), value.name.into(), value.version.into());
            let producer = Producer { field, name, version };
            if is_root && producer.field == "language" {
                facts.language = Some(producer.name.clone());
            }
            if !facts.producers.contains(&producer) {
                facts.producers.push(producer);
            }
        }
    }
}

fn damaged(bytes: &[u8], error: &wasmparser::BinaryReaderError) -> String {
    if error.offset() >= bytes.len() {
        return truncated(bytes);
    }
    format!("the component is damaged at byte {}: {}", error.offset(), error.message())
}

fn truncated(bytes: &[u8]) -> String {
    format!("the component is cut off after {} bytes", bytes.len())
}
