//! What was read of the change files the last time, so that a run with nothing to do opens none of them.
//!
//! A file counts as unchanged while its size, both its times, its inode and device are what they were. A file that was
//! touched just before it was read is not remembered, for another edit could leave the same times: it is read again by
//! the next run, as git does with those that it calls racily clean. What is remembered only ever shows that there is
//! nothing to do: whatever is about to run is read.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Mode, OFlags, Stat};
use sandpiper_engine::digest::Digest;

use super::ChangeFile;
use super::facts::{self, Facts, Names, Reader, Writer};
use super::listing::Listed;
use super::memory::{self, Memory};

/// What the file begins with: its format, and whose rules the remembered files satisfied.
const HEAD: &[u8] = concat!("sandpiper files 1 ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();

/// Two edits within this time may leave the same times: the coarsest file systems count in steps of two seconds.
const RACY: Duration = Duration::from_secs(2);

/// By what a file is known to be unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    inode: u64,
    device: u64,
}

impl Stamp {
    /// The stamp of an open file.
    pub(super) fn of(file: &File) -> io::Result<Self> {
        Ok(Self::from(&rustix::fs::fstat(file)?))
    }

    /// All that it is.
    pub(super) fn numbers(&self) -> [u64; 7] {
        let Self { size, modified, changed, inode, device } = *self;
        let [modified, changed] = [modified, changed]
            .map(|(seconds, nanoseconds)| [seconds.cast_unsigned(), nanoseconds.cast_unsigned()]);
        [size, modified[0], modified[1], changed[0], changed[1], inode, device]
    }

    /// How long the file is, in bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Whether an edit after `read_at` is certain to show.
    pub(super) fn is_settled(&self, read_at: SystemTime) -> bool {
        let before = read_at.checked_sub(RACY).and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let before = before.and_then(|before| i64::try_from(before.as_secs()).ok()).unwrap_or_default();
        self.modified.0 < before && self.changed.0 < before
    }
}

#[expect(clippy::unnecessary_cast, reason = "the types of the fields differ between systems")]
impl From<&Stat> for Stamp {
    fn from(stat: &Stat) -> Self {
        Self {
            size: stat.st_size as u64,
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as i64),
            inode: stat.st_ino as u64,
            device: stat.st_dev as u64,
        }
    }
}

/// A file as it was read. What it said stays encoded until it is asked for.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    name: Range<usize>,
    stamp: Stamp,
    facts: Range<usize>,
}

/// Entries, and the bytes that they point to.
#[derive(Debug, Default)]
struct Entries {
    list: Vec<Entry>,
    bytes: Vec<u8>,
}

impl Entries {
    fn part(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// Name, stamp and facts of each.
    fn parts(&self) -> impl Iterator<Item = (&[u8], Stamp, &[u8])> {
        self.list.iter().map(|entry| (self.part(&entry.name), entry.stamp, self.part(&entry.facts)))
    }
}

/// What is remembered of the files of one folder.
#[derive(Debug)]
pub(super) struct StatCache {
    /// Where it is kept.
    file: PathBuf,
    location: PathBuf,
    /// The folder itself, so that the way to it is walked once and not for each file.
    folder: OwnedFd,
    /// What was there, in the order of names.
    before: Entries,
    /// Which of it was found unchanged.
    unchanged: Vec<usize>,
    /// What was read since.
    read: Entries,
    names: Names,
    /// When the files are looked at.
    now: SystemTime,
}

impl StatCache {
    /// What is remembered of the files in `location`; none where others may write to the folder that it is kept in, or
    /// one of the two cannot be opened. What is damaged is nothing.
    pub(super) fn open(memory: Memory<'_>, location: &Path) -> Option<Self> {
        if !memory.is_ours() {
            return None;
        }
        let folder = rustix::fs::open(location, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).ok()?;
        let place = Digest::of(location.as_os_str().as_encoded_bytes()).short();
        let file = memory.folder.join(place);
        let before = match memory.believed {
            true => fs::read(&file).ok().and_then(|bytes| decode(bytes, location)),
            false => None,
        };
        Some(Self {
            file,
            location: location.to_owned(),
            folder,
            before: before.unwrap_or_default(),
            unchanged: Vec::new(),
            read: Entries::default(),
            names: Names::default(),
            now: memory.now,
        })
    }

    /// What is remembered of a file, if it is unchanged.
    pub(super) fn recall(&mut self, listed: &Listed) -> Option<Facts> {
        let name = listed.path.file_name()?.as_encoded_bytes();
        let list = &self.before.list;
        let at = list.binary_search_by(|entry| self.before.part(&entry.name).cmp(name)).ok()?;
        let entry = list.get(at)?;
        let stat = rustix::fs::statat(&self.folder, name, AtFlags::empty()).ok()?;
        if Stamp::from(&stat) != entry.stamp {
            return None;
        }
        let facts = Facts::read(&mut Reader::new(self.before.part(&entry.facts)), &mut self.names)?;
        self.unchanged.push(at);
        Some(facts)
    }

    /// Remembers a file that was read, if a later edit of it is certain to show.
    pub(super) fn keep(&mut self, stamp: Stamp, file: &ChangeFile) {
        let Some(name) = file.path.file_name().filter(|_| stamp.is_settled(self.now)) else { return };
        let mut writer = Writer(std::mem::take(&mut self.read.bytes));
        let from = writer.0.len();
        writer.0.extend_from_slice(name.as_encoded_bytes());
        let name = from..writer.0.len();
        if facts::write(file, &mut writer) {
            self.read.list.push(Entry { facts: name.end..writer.0.len(), name, stamp });
        }
        self.read.bytes = writer.0;
    }

    /// Writes down what is remembered now, if that is something else than before. Without it nothing goes wrong, so
    /// whatever fails here is left as it is.
    pub(super) fn save(self) {
        if self.read.list.is_empty() && self.unchanged.len() == self.before.list.len() {
            return;
        }
        let before: Vec<_> = self.before.parts().collect();
        let unchanged = self.unchanged.iter().filter_map(|at| before.get(*at).copied());
        let mut entries: Vec<_> = unchanged.chain(self.read.parts()).collect();
        entries.sort_unstable_by_key(|(name, ..)| *name);
        let bytes = encode(&entries, &self.location);
        let old = fs::read(&self.file);
        if old.as_ref().is_ok_and(|old| *old == bytes) {
            return;
        }
        memory::write(&self.file, &bytes);
        if old.is_err() {
            memory::forget_the_old(&self.file, self.now);
        }
    }
}

fn encode(entries: &[(&[u8], Stamp, &[u8])], location: &Path) -> Vec<u8> {
    let mut body = Writer::default();
    body.bytes(location.as_os_str().as_encoded_bytes());
    body.number(entries.len() as u64);
    for (name, stamp, facts) in entries {
        body.bytes(name);
        stamp.numbers().into_iter().for_each(|number| body.number(number));
        body.bytes(facts);
    }
    [HEAD, Digest::of(&body.0).as_bytes(), &body.0].concat()
}

/// The entries of a file that this version wrote, about this folder, and that nothing damaged since.
fn decode(bytes: Vec<u8>, location: &Path) -> Option<Entries> {
    let (digest, body) = bytes.strip_prefix(HEAD)?.split_first_chunk::<32>()?;
    if Digest::of(body).as_bytes() != digest {
        return None;
    }
    let mut reader = Reader::new(body);
    if reader.bytes()? != location.as_os_str().as_encoded_bytes() {
        return None;
    }
    let part = |reader: &mut Reader<'_>| {
        let length = reader.bytes()?.len();
        let end = bytes.len() - reader.left();
        Some(end - length..end)
    };
    let count = usize::try_from(reader.number()?).ok()?;
    // The number stands in a file: nothing is allocated for entries that are not there.
    let mut list = Vec::with_capacity(count.min(body.len() / 64));
    for _ in 0..count {
        let name = part(&mut reader)?;
        let size = reader.number()?;
        let mut time = || Some((reader.number()?.cast_signed(), reader.number()?.cast_signed()));
        let (modified, changed) = (time()?, time()?);
        let (inode, device) = (reader.number()?, reader.number()?);
        let stamp = Stamp { size, modified, changed, inode, device };
        list.push(Entry { name, stamp, facts: part(&mut reader)? });
    }
    Some(Entries { list, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(modified: i64) -> Stamp {
        Stamp { size: 1, modified: (modified, 0), changed: (modified, 5), inode: 7, device: 1 }
    }

    #[test]
    fn what_was_touched_within_two_seconds_before_it_was_read_is_not_settled() {
        let read_at = UNIX_EPOCH + Duration::from_millis(100_900);
        assert!(stamp(97).is_settled(read_at));
        for touched in [98, 99, 100, 101, 1_000] {
            assert!(!stamp(touched).is_settled(read_at), "{touched}");
        }
        assert!(!Stamp { changed: (100, 0), ..stamp(90) }.is_settled(read_at));
    }

    #[test]
    fn whatever_is_damaged_is_nothing() {
        let location = Path::new("/a/changes");
        let whole =
            encode(&[(b"_0001__A.sql", stamp(3), b"facts"), (b"_0002__B.sql", stamp(4), b"")], location);
        let read = decode(whole.clone(), location).unwrap();
        let parts: Vec<_> = read.parts().collect();
        let expected: [(&[u8], Stamp, &[u8]); 2] =
            [(b"_0001__A.sql", stamp(3), b"facts"), (b"_0002__B.sql", stamp(4), b"")];
        assert_eq!(parts, expected);
        assert!(decode(whole.clone(), Path::new("/b/changes")).is_none());
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            assert!(decode(damaged, location).is_none(), "byte {at}");
            assert!(decode(whole[..at].to_vec(), location).is_none(), "cut at {at}");
        }
    }
}
