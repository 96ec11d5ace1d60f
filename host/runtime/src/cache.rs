//! The folder of compiled code: ours alone, or not used at all, for what lies in it is run outside the sandbox.

use std::fs;
use std::io;
use std::path::Path;

use sandpiper_engine::fault::Problem;
use wasmtime::{Cache, CacheConfig};

/// Opens the cache in a folder, which is made when it is missing.
///
/// # Errors
///
/// A warning, when the folder cannot be used: everything works without, only slower.
pub(crate) fn open(folder: &Path) -> Result<Cache, Problem> {
    let refused = |why: String| {
        Problem::warning(
            "config::cache",
            format!("the cache folder `{}` is not used: {why}", folder.display()),
        )
    };
    let unusable = |error: io::Error| {
        refused(error.to_string())
            .help("make it writable, or name another one; without it every run compiles anew")
    };
    let folder = std::path::absolute(folder).map_err(unusable)?;
    make(&folder).map_err(unusable)?;
    if !is_private(&folder).map_err(unusable)? {
        let help = "give it to the account that runs Sandpiper, with mode 0700: what lies in it is run";
        return Err(refused("others may write to it".to_owned()).help(help));
    }
    let mut config = CacheConfig::new();
    config.with_directory(folder.clone());
    Cache::new(config).map_err(|error| refused(error.to_string()))
}

#[cfg(unix)]
fn make(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// Whether only this account may write there. A file that is made there tells who we are, and that we may write.
#[cfg(unix)]
fn is_private(folder: &Path) -> io::Result<bool> {
    use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
    let probe = folder.join(format!(".probe-{}-{:?}", std::process::id(), std::thread::current().id()));
    let owner = match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&probe) {
        Ok(file) => file.metadata()?.uid(),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => fs::symlink_metadata(&probe)?.uid(),
        Err(error) => return Err(error),
    };
    fs::remove_file(&probe)?;
    let metadata = fs::metadata(folder)?;
    Ok(metadata.uid() == owner && metadata.mode() & 0o022 == 0)
}

#[cfg(not(unix))]
fn is_private(_folder: &Path) -> io::Result<bool> {
    Ok(true)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    #[test]
    fn a_missing_folder_is_made_for_us_alone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        open(&folder).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        assert!(fs::read_dir(&folder).unwrap().next().is_none(), "the probe is gone");
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for mode in [0o770, 0o702, 0o777] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            let problem = open(folder.path()).err().unwrap();
            assert_eq!(problem.code, "config::cache");
            assert!(problem.message.ends_with("is not used: others may write to it"), "{}", problem.message);
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert!(open(folder.path()).is_ok());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_a_warning() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join("file"), "").unwrap();
        let problem = open(&parent.path().join("file/cache")).err().unwrap();
        assert_eq!(problem.severity, sandpiper_engine::fault::Severity::Warning);
    }
}
