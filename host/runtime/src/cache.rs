//! The folder of compiled code: ours alone, or one that nobody can write to, or not used at all, for what lies in it is
//! run outside the sandbox.

mod readers;
mod standing;

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use sandpiper_engine::fault::Problem;
use wasmtime::{Cache, CacheConfig};

pub use readers::{make_readable, open_to_readers};
pub use standing::{Standing, Unusable, look};

/// Where in the folder wasmtime keeps code.
const MODULES: &str = "modules";

/// Opens the cache in a folder, which is made when it is missing. One that cannot be written to is only read: wasmtime
/// leaves out what it cannot write.
///
/// # Errors
///
/// A warning, when the folder cannot be used: everything works without, only slower.
pub(crate) fn open(folder: &Path) -> Result<Cache, Problem> {
    let refused = |Unusable { why, help }: Unusable| unused(folder, &why).help(help);
    let absolute = std::path::absolute(folder).map_err(|error| refused(error.into()))?;
    if look(&absolute).map_err(refused)? == Standing::Missing {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&absolute)
            .map_err(|error| refused(error.into()))?;
    }
    let mut config = CacheConfig::new();
    config.with_directory(absolute);
    Cache::new(config).map_err(|error| unused(folder, &error.to_string()))
}

/// The warning that a folder is not used.
fn unused(folder: &Path, why: &str) -> Problem {
    Problem::warning("config::cache", format!("the cache folder `{}` is not used: {why}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    #[test]
    fn a_missing_folder_is_made_for_us_alone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        open(&folder).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        assert!(fs::read_dir(&folder).unwrap().next().is_none(), "nothing is left in it");
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o770)).unwrap();
        let problem = open(folder.path()).err().unwrap();
        assert_eq!(problem.code, "config::cache");
        assert!(problem.message.contains("is not used: others may write to"), "{}", problem.message);
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
