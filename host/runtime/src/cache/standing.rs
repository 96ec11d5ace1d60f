//! Who may write to a folder of compiled code: what lies in it is run outside the sandbox.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{Access, access};
use rustix::io::Errno;

/// What may be done with a folder of compiled code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is not there, and is made for this account alone when it is first needed.
    Missing,
    /// Only this account may write to it.
    Ours,
    /// This account may not write to it, and nobody else may but root: it is read.
    ReadOnly,
}

/// Why a folder is not used, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// Why.
    pub why: String,
    /// What to do.
    pub help: String,
}

impl From<io::Error> for Unusable {
    fn from(error: io::Error) -> Self {
        let help = "make it writable, or set `XDG_CACHE_HOME`; without it every run compiles anew";
        Self { why: error.to_string(), help: help.to_owned() }
    }
}

/// Looks at a folder, and makes nothing.
///
/// # Errors
///
/// When it is not used: others may write to it, or it cannot be made or read.
pub fn look(folder: &Path) -> Result<Standing, Unusable> {
    let found = match fs::metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return can_be_made(folder),
        found => found?,
    };
    if !found.is_dir() {
        let help = "remove the file, or set `XDG_CACHE_HOME`".to_owned();
        return Err(Unusable { why: "it is no folder".to_owned(), help });
    }
    let is_private = found.uid() == rustix::process::geteuid().as_raw() && is_closed(&found);
    match access(folder, Access::WRITE_OK) {
        Ok(()) if is_private => Ok(Standing::Ours),
        Ok(()) => Err(open_to_others(folder)),
        Err(Errno::ACCESS | Errno::PERM | Errno::ROFS) => settled(folder).map(|()| Standing::ReadOnly),
        Err(error) => Err(io::Error::from(error).into()),
    }
}

fn can_be_made(folder: &Path) -> Result<Standing, Unusable> {
    let above = folder.ancestors().skip(1).find(|above| above.exists());
    let above = above.filter(|above| above.is_dir() && access(*above, Access::WRITE_OK).is_ok());
    above.map(|_| Standing::Missing).ok_or_else(|| Unusable {
        why: "it is not there and cannot be made".to_owned(),
        help: "set `XDG_CACHE_HOME` to a folder that this account may write to, or that `sandpiper warm` has filled"
            .to_owned(),
    })
}

/// Whether nobody may change what would be read from a folder that this account cannot write to.
fn settled(folder: &Path) -> Result<(), Unusable> {
    let folder = fs::canonicalize(folder)?;
    for above in folder.ancestors().skip(1) {
        let found = fs::metadata(above)?;
        // In a folder like `/tmp` nobody can rename what is another's.
        let is_sticky = found.mode() & 0o1000 != 0;
        if !is_trusted(&found) || !(is_closed(&found) || is_sticky) {
            return Err(open_to_others(above));
        }
    }
    let found = fs::metadata(&folder)?;
    if !is_trusted(&found) || !is_closed(&found) {
        return Err(open_to_others(&folder));
    }
    match fs::symlink_metadata(folder.join(super::MODULES)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        found => nothing_moves(&folder.join(super::MODULES), &found?),
    }
}

/// The same for something in the folder, which is no link, for those are open to everybody.
fn nothing_moves(path: &Path, found: &Metadata) -> Result<(), Unusable> {
    let is_writable = found.is_dir() && access(path, Access::WRITE_OK).is_ok();
    if !is_trusted(found) || !is_closed(found) || is_writable {
        return Err(open_to_others(path));
    }
    if found.is_dir() {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            nothing_moves(&entry.path(), &entry.metadata()?)?;
        }
    }
    Ok(())
}

fn is_trusted(found: &Metadata) -> bool {
    found.uid() == 0 || found.uid() == rustix::process::geteuid().as_raw()
}

/// Whether only its owner may write to it.
fn is_closed(found: &Metadata) -> bool {
    found.mode() & 0o022 == 0
}

fn open_to_others(path: &Path) -> Unusable {
    Unusable {
        why: format!("others may write to `{}`", path.display()),
        help: "what lies in it is run: give it to the account that runs Sandpiper with mode 0700, or to root"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_not_used_and_one_that_is_missing_is_not_made() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        assert_eq!(look(&folder), Ok(Standing::Missing));
        assert!(!folder.exists());
        fs::create_dir_all(&folder).unwrap();
        for mode in [0o770, 0o702, 0o777] {
            set(&folder, mode);
            let unusable = look(&folder).unwrap_err();
            assert_eq!(unusable.why, format!("others may write to `{}`", folder.display()), "{mode:o}");
        }
        for mode in [0o700, 0o755] {
            set(&folder, mode);
            assert_eq!(look(&folder), Ok(Standing::Ours), "{mode:o}");
        }
        fs::write(parent.path().join("file"), "").unwrap();
        assert_eq!(look(&parent.path().join("file")).unwrap_err().why, "it is no folder");
        assert!(look(&parent.path().join("file/cache")).is_err());
    }

    /// What may be read from a folder of whoever runs the test, by the rules for one that cannot be written to.
    #[test]
    fn what_somebody_else_could_change_is_not_settled() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("cache");
        let modules = folder.join("modules");
        let file = modules.join("code");
        fs::create_dir_all(&modules).unwrap();
        fs::write(&file, "").unwrap();
        set(&folder, 0o555);
        set(&file, 0o444);
        set(&modules, 0o555);
        let found = |path: &Path| nothing_moves(path, &fs::symlink_metadata(path).unwrap());
        assert_eq!(found(&file), Ok(()));
        set(&file, 0o446);
        assert_eq!(found(&file), Err(open_to_others(&file)));
        set(&modules, 0o755);
        assert_eq!(found(&modules), Err(open_to_others(&modules)), "we can write to it");
        let link = folder.join("link");
        set(&folder, 0o755);
        symlink(&modules, &link).unwrap();
        assert_eq!(found(&link), Err(open_to_others(&link)));
        set(parent.path(), 0o777);
        let open = fs::canonicalize(parent.path()).unwrap();
        assert_eq!(settled(&folder), Err(open_to_others(&open)), "it could be renamed");
    }
}
