//! The folder of compiled code: nobody but us may write there, for what lies in it is run. Without it everything works,
//! only slower.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{Access, access};
use sandpiper_engine::diagnosis::Finding;

/// Looks at the folder, which need not be there; none where nothing is to be kept.
pub(super) fn look(folder: Option<&Path>) -> Finding {
    let Some(folder) = folder else {
        return Finding::odd(
            "cache",
            "nothing is kept between runs: every one compiles its components anew",
            "set `XDG_CACHE_HOME` or `HOME`, and leave `--no-cache` out",
        );
    };
    let shown = folder.display();
    let Ok(found) = std::fs::metadata(folder) else {
        return not_there(folder);
    };
    let odd = |why: &str, help: String| Finding::odd("cache", format!("`{shown}` is not used: {why}"), help);
    if !found.is_dir() {
        return odd("it is no folder", "remove the file, or set `XDG_CACHE_HOME`".to_owned());
    }
    if found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o022 != 0 {
        let help = format!("give it to the account that runs Sandpiper: `chmod 0700 {shown}`");
        return odd("others may write to it", help);
    }
    match access(folder, Access::WRITE_OK) {
        Ok(()) => Finding::good("cache", "only this account may write to it"),
        Err(error) => odd(&error.to_string(), "make it writable, or set `XDG_CACHE_HOME`".to_owned()),
    }
}

fn not_there(folder: &Path) -> Finding {
    let above = folder.ancestors().skip(1).find(|above| above.exists());
    match above {
        Some(above) if above.is_dir() && access(above, Access::WRITE_OK).is_ok() => {
            Finding::good("cache", "it is made when it is first needed")
        }
        _ => Finding::odd(
            "cache",
            format!("`{}` cannot be made: every run compiles its components anew", folder.display()),
            "make it, or set `XDG_CACHE_HOME` to a folder that this account may write to",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use sandpiper_engine::diagnosis::Health;

    use super::look;

    #[test]
    fn a_folder_that_others_may_write_to_is_odd_and_one_that_is_missing_is_not_made() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a/b");
        assert_eq!(look(Some(&folder)).health, Health::Good);
        assert!(!folder.exists());
        fs::create_dir_all(&folder).unwrap();
        for (mode, health) in [(0o700, Health::Good), (0o770, Health::Odd), (0o702, Health::Odd)] {
            fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(look(Some(&folder)).health, health, "{mode:o}");
        }
        fs::write(parent.path().join("file"), "").unwrap();
        assert_eq!(look(Some(&parent.path().join("file/cache"))).health, Health::Odd);
        assert_eq!(look(None).health, Health::Odd);
    }
}
