//! What is remembered of a run that found all changes applied, so that the next one sees with a look at the files' stamps
//! and at the newest entry of the audit that this is so still: nothing is read, decoded or planned for it.
//!
//! The stamps are those of [`stat_cache`](super::stat_cache), the newest entry is known by its hash, which binds every
//! entry before it. Where the store is files of this machine, their stamps tell that nothing was written to it, and even
//! the newest entry need not be read. Whoever wants to see more than how many changes are applied plans as ever.

use std::borrow::Cow;
use std::ffi::CStr;
use std::io::Write as _;
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{AtFlags, Mode, OFlags, RawDir};
use rustix::io::Errno;
use sandpiper_engine::digest::{Digest, Hasher};

use super::memory::{self, Memory};
use super::stat_cache::Stamp;
use crate::config::{Config, StoreConfig};
use crate::secrets::Secrets;

/// What the file begins with: its format, and whose rules the files satisfied.
const HEAD: &[u8] = concat!("sandpiper settled 2 ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();

/// Stands where no stamps are known.
const UNKNOWN: [u8; 32] = [0; 32];

/// That all changes of a project were applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// The names and stamps of the files then.
    pub files: Digest,
    /// The hash of the newest entry then.
    pub head: Digest,
    /// The stamps of the store's own files before that entry was read, where there are such files and nobody had just
    /// written to them.
    pub store: Option<Digest>,
    /// How many changes there were.
    pub changes: u64,
}

impl Settled {
    /// What is remembered of a project under this configuration. Another value anywhere in it makes it another project:
    /// a variable, an environment, the address of the store.
    pub fn recall(memory: Memory<'_>, config: &Config, secrets: &Secrets) -> Option<Self> {
        if !memory.believed || !config.has_file || !memory.is_ours() {
            return None;
        }
        Self::decode(&std::fs::read(file(memory.folder, config, secrets)?).ok()?)
    }

    /// Remembers it.
    pub fn keep(&self, memory: Memory<'_>, config: &Config, secrets: &Secrets) {
        if !config.has_file || !memory.is_ours() {
            return;
        }
        let Some(file) = file(memory.folder, config, secrets) else { return };
        let is_new = !file.exists();
        memory::write(&file, &self.encode());
        if is_new {
            memory::forget_the_old(&file, memory.now);
        }
    }

    fn encode(&self) -> Vec<u8> {
        let changes = self.changes.to_le_bytes();
        let store = self.store.map_or(UNKNOWN, |digest| *digest.as_bytes());
        let body = [self.files.as_bytes().as_slice(), self.head.as_bytes(), &store, &changes].concat();
        [HEAD, Digest::of(&body).as_bytes(), &body].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (digest, body) = bytes.strip_prefix(HEAD)?.split_first_chunk::<32>()?;
        if Digest::of(body).as_bytes() != digest {
            return None;
        }
        let (files, rest) = body.split_first_chunk::<32>()?;
        let (head, rest) = rest.split_first_chunk::<32>()?;
        let (store, changes) = rest.split_first_chunk::<32>()?;
        let store = (*store != UNKNOWN).then(|| (*store).into());
        let changes = u64::from_le_bytes(changes.try_into().ok()?);
        Some(Self { files: (*files).into(), head: (*head).into(), store, changes })
    }
}

/// Where it is kept: all that a plan depends on shows in a configuration. Of a secret there may be no digest, and without
/// it two configurations could not be told apart: nowhere, unless it stands where that does not matter. Addresses are
/// such places, for the store is known by its stamps or by its newest entry; and whose changes these are, the audit itself
/// holds as it is.
fn file(folder: &Path, config: &Config, secrets: &Secrets) -> Option<PathBuf> {
    let whole = format!("{config:?}");
    let shown = secrets.redact(&whole);
    if let Cow::Borrowed(shown) = shown {
        return Some(folder.join(Digest::of(shown.as_bytes()).to_string()));
    }
    let rest = Config {
        service: String::new(),
        environment: String::new(),
        tenant: None,
        store: StoreConfig::System("".into()),
        systems: Vec::new(),
        webhooks: Vec::new(),
        ..config.clone()
    };
    let rest = format!("{rest:?}");
    let is_told_apart = matches!(secrets.redact(&rest), Cow::Borrowed(_));
    is_told_apart
        .then(|| folder.join(Digest::of(format!("{shown}{:?}", config.scope()).as_bytes()).to_string()))
}

/// The names and stamps of everything in the folders of all stages, in the order of names. None where one of them was
/// touched just before `now`, for another edit could leave the same stamp, or cannot be looked at.
pub fn stamps(config: &Config, now: SystemTime) -> Option<Digest> {
    let mut hasher = Hasher::default();
    let mut names = Names::default();
    for stage in &config.stages {
        if stage.awaits_tenant {
            return None;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(&stage.location, flags, Mode::empty()).ok()?;
        names.list(&folder)?;
        hasher.write_all(&(names.places.len() as u64).to_le_bytes()).ok()?;
        for (from, to) in &names.places {
            let name = names.bytes.get(*from..*to)?;
            let name = CStr::from_bytes_with_nul(name).ok()?;
            let stamp = Stamp::from(&rustix::fs::statat(&folder, name, AtFlags::empty()).ok()?);
            if !stamp.is_settled(now) {
                return None;
            }
            hasher.write_all(name.to_bytes_with_nul()).ok()?;
            for number in stamp.numbers() {
                hasher.write_all(&number.to_le_bytes()).ok()?;
            }
        }
    }
    Some(hasher.finish())
}

/// The stamps of the files that a store is kept in, one that is not there among them. None where there are none, where one
/// of them was touched just before `now`, and where one cannot be looked at.
pub fn store_stamps(files: &[PathBuf], now: SystemTime) -> Option<Digest> {
    let mut hasher = Hasher::default();
    for file in files {
        let numbers = match rustix::fs::stat(file) {
            Ok(stat) => Some(Stamp::from(&stat)).filter(|stamp| stamp.is_settled(now))?.numbers(),
            Err(Errno::NOENT) => Default::default(),
            Err(_) => return None,
        };
        numbers.iter().try_for_each(|number| hasher.write_all(&number.to_le_bytes())).ok()?;
    }
    (!files.is_empty()).then(|| hasher.finish())
}

/// The names in a folder, each with the zero that ends it, one after the other.
#[derive(Default)]
struct Names {
    bytes: Vec<u8>,
    places: Vec<(usize, usize)>,
}

impl Names {
    /// Puts the names of a folder in place of those before. Those that no listing reads are left out.
    fn list(&mut self, folder: &impl AsFd) -> Option<()> {
        self.bytes.clear();
        self.places.clear();
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        let mut entries = RawDir::new(folder.as_fd(), &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry.ok()?;
            let name = entry.file_name().to_bytes_with_nul();
            if name.first() != Some(&b'.') {
                let from = self.bytes.len();
                self.bytes.extend_from_slice(name);
                self.places.push((from, self.bytes.len()));
            }
        }
        let bytes = &self.bytes;
        self.places.sort_unstable_by_key(|(from, to)| bytes.get(*from..*to));
        Some(())
    }
}
