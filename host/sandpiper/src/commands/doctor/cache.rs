//! The folder of compiled code: nobody but us, or root, may write there, for what lies in it is run. Without it everything
//! works, only slower.

use std::path::Path;

use sandpiper_engine::diagnosis::Finding;
use sandpiper_runtime::cache::{self, Standing};

/// Looks at the folder, which need not be there; none where nothing is to be kept.
pub(super) fn look(folder: Option<&Path>) -> Finding {
    let Some(folder) = folder else {
        return Finding::odd(
            "cache",
            "nothing is kept between runs: every one compiles its components anew",
            "set `XDG_CACHE_HOME` or `HOME`, and leave `--no-cache` out",
        );
    };
    match cache::look(folder) {
        Ok(Standing::Ours) => Finding::good("cache", "only this account may write to it"),
        Ok(Standing::Missing) => Finding::good("cache", "it is made when it is first needed"),
        Ok(Standing::ReadOnly) => Finding::good("cache", "it is only read: this account may not write to it"),
        Err(unusable) => {
            let message = format!("`{}` is not used: {}", folder.display(), unusable.why);
            Finding::odd("cache", message, unusable.help)
        }
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
        assert_eq!(look(None).health, Health::Odd);
    }
}
