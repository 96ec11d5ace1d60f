//! A folder of compiled code that other accounts read: the one that an image brings with it.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

/// Makes a folder, and those above it, that everybody may read and only this account may write to. One that is there
/// stays as it is.
///
/// # Errors
///
/// When it cannot be made.
pub fn make_readable(folder: &Path) -> io::Result<()> {
    let folder = std::path::absolute(folder)?;
    let mut missing: Vec<&Path> = folder.ancestors().take_while(|above| !above.exists()).collect();
    missing.reverse();
    for folder in missing {
        fs::create_dir(folder)?;
        // Whatever the umask says.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Lets whoever may read the folder read all compiled code in it; where that is this account alone, nothing is opened.
///
/// # Errors
///
/// When what lies in it is not ours to open.
pub fn open_to_readers(folder: &Path) -> io::Result<()> {
    let everybody = fs::metadata(folder)?.mode() & 0o005 == 0o005;
    let modules = folder.join(super::MODULES);
    if everybody && modules.exists() { open(&modules) } else { Ok(()) }
}

/// wasmtime tidies up beside its callers: what is gone meanwhile was a file of its own work.
fn open(path: &Path) -> io::Result<()> {
    match open_one(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn open_one(path: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    let mode = if found.is_dir() { 0o755 } else { 0o644 };
    if found.mode() & 0o777 != mode {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    if found.is_dir() {
        for entry in fs::read_dir(path)? {
            open(&entry?.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn what_is_made_can_be_read_and_what_was_private_stays_so() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        make_readable(&folder).unwrap();
        assert_eq!((mode(&parent.path().join("a")), mode(&folder)), (0o755, 0o755));
        let file = folder.join("modules/code");
        fs::create_dir(folder.join("modules")).unwrap();
        fs::write(&file, "").unwrap();
        let close = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        close(&file, 0o600);
        close(&folder, 0o700);
        make_readable(&folder).unwrap();
        open_to_readers(&folder).unwrap();
        assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
        close(&folder, 0o755);
        open_to_readers(&folder).unwrap();
        assert_eq!(mode(&file), 0o644);
    }

    #[test]
    fn files_that_come_and_go_meanwhile_do_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let modules = folder.path().join("modules");
        fs::create_dir(&modules).unwrap();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let files: Vec<_> = (0..20).map(|number| modules.join(format!("{number}.wip"))).collect();
                    files.iter().for_each(|file| fs::write(file, "").unwrap());
                    files.iter().for_each(|file| fs::remove_file(file).unwrap());
                }
            });
            let opened: Vec<_> = (0..1_000).map(|_| open_to_readers(folder.path()).is_ok()).collect();
            over.store(true, Ordering::Relaxed);
            assert!(opened.iter().all(|opened| *opened));
        });
    }
}
