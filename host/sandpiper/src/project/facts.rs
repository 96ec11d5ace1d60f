//! What planning needs to know of a file, in the form in which it is remembered.

use std::sync::Arc;
use std::time::Duration;

use sandpiper_engine::change::{Cadence, ChangeId, Recovery};
use sandpiper_engine::digest::Digest;
use sandpiper_engine::retry::Retry;
use sandpiper_engine::scope::SystemName;

use super::{ChangeFile, ChangeInfo, DataFile, FileKind, Form};

/// What planning needs to know of a file.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) digest: Digest,
    pub(super) meaning: Digest,
    pub(super) kind: FileKind,
}

impl Facts {
    pub(super) fn read(reader: &mut Reader<'_>, names: &mut Names) -> Option<Self> {
        let (digest, meaning) = (reader.digest()?, reader.digest()?);
        let kind = match reader.number()? {
            0 => FileKind::Component,
            1 => FileKind::Source,
            2 => FileKind::Data(Box::new(data(reader, names)?)),
            _ => return None,
        };
        Some(Self { digest, meaning, kind })
    }
}

/// Writes what planning needs to know of a file. False, and nothing, where it has a condition: such a file is read
/// every time.
pub(super) fn write(file: &ChangeFile, writer: &mut Writer) -> bool {
    if file.info().is_some_and(|info| info.when.is_some()) {
        return false;
    }
    writer.digest(file.digest);
    writer.digest(file.meaning);
    match &file.kind {
        FileKind::Component => writer.number(0),
        FileKind::Source => writer.number(1),
        FileKind::Data(data) => {
            writer.number(2);
            write_data(data, writer);
        }
    }
    true
}

fn write_data(DataFile { info, template, .. }: &DataFile, writer: &mut Writer) {
    writer.text(info.id.as_str());
    writer.text(&info.author);
    writer.text(info.target_system.as_str());
    writer.optional(info.description.as_deref());
    writer.optional(template.as_deref());
    writer.number(match info.transactional {
        None => 0,
        Some(false) => 1,
        Some(true) => 2,
    });
    writer.number(match info.recovery {
        Recovery::ManualIntervention => 0,
        Recovery::AlwaysRetry => 1,
    });
    writer.number(match info.cadence {
        Cadence::Once => 0,
        Cadence::OnChange => 1,
        Cadence::Always => 2,
    });
    writer.number(info.uses.len() as u64);
    info.uses.iter().for_each(|name| writer.text(name.as_str()));
    writer.number(info.labels.len() as u64);
    for (name, value) in &info.labels {
        writer.text(name);
        writer.text(value);
    }
    match info.retry {
        None => writer.number(0),
        Some(Retry { attempts, least, most }) => {
            writer.number(u64::from(attempts));
            for pause in [least, most] {
                writer.number(pause.as_secs());
                writer.number(u64::from(pause.subsec_nanos()));
            }
        }
    }
}

fn data(reader: &mut Reader<'_>, names: &mut Names) -> Option<DataFile> {
    let id = ChangeId::new(reader.text()?).ok()?;
    let author = names.author(reader.text()?);
    let target_system = names.system(reader.text()?);
    let description = reader.optional()?.map(str::to_owned);
    let template = reader.optional()?.map(str::to_owned);
    let transactional = match reader.number()? {
        0 => None,
        1 => Some(false),
        2 => Some(true),
        _ => return None,
    };
    let recovery = match reader.number()? {
        0 => Recovery::ManualIntervention,
        1 => Recovery::AlwaysRetry,
        _ => return None,
    };
    let cadence = match reader.number()? {
        0 => Cadence::Once,
        1 => Cadence::OnChange,
        2 => Cadence::Always,
        _ => return None,
    };
    let mut uses = Vec::new();
    for _ in 0..reader.number()? {
        uses.push(SystemName::from(reader.text()?));
    }
    let mut labels = Vec::new();
    for _ in 0..reader.number()? {
        labels.push((reader.text()?.to_owned(), reader.text()?.to_owned()));
    }
    let retry = match reader.number()? {
        0 => None,
        attempts => Some(Retry {
            attempts: u32::try_from(attempts).ok()?,
            least: reader.duration()?,
            most: reader.duration()?,
        }),
    };
    let info = Arc::new(ChangeInfo {
        id,
        author,
        target_system,
        description,
        transactional,
        recovery,
        cadence,
        uses,
        labels,
        when: None,
        retry,
        places: None,
    });
    Some(DataFile { info, template, form: Form::Unread })
}

/// Writes numbers, seven bits a byte, and texts with their lengths before them.
#[derive(Debug, Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn optional(&mut self, text: Option<&str>) {
        self.number(u64::from(text.is_some()));
        text.into_iter().for_each(|text| self.text(text));
    }

    fn digest(&mut self, digest: Digest) {
        self.0.extend_from_slice(digest.as_bytes());
    }
}

/// Reads what [`Writer`] wrote; nothing where something else stands.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

/// The names that many files share, kept once.
#[derive(Debug, Default)]
pub(super) struct Names {
    author: Option<Arc<str>>,
    system: Option<SystemName>,
}

impl Names {
    fn author(&mut self, name: &str) -> Arc<str> {
        match &self.author {
            Some(author) if **author == *name => author.clone(),
            _ => self.author.insert(name.into()).clone(),
        }
    }

    fn system(&mut self, name: &str) -> SystemName {
        match &self.system {
            Some(system) if system.as_str() == name => system.clone(),
            _ => self.system.insert(name.into()).clone(),
        }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    fn optional(&mut self) -> Option<Option<&'a str>> {
        match self.number()? {
            0 => Some(None),
            1 => self.text().map(Some),
            _ => None,
        }
    }

    fn duration(&mut self) -> Option<Duration> {
        let (seconds, nanoseconds) = (self.number()?, u32::try_from(self.number()?).ok()?);
        (nanoseconds < 1_000_000_000).then(|| Duration::new(seconds, nanoseconds))
    }

    fn digest(&mut self) -> Option<Digest> {
        let (bytes, rest) = self.rest.split_first_chunk::<32>()?;
        self.rest = rest;
        Some(Digest::from(*bytes))
    }
}
