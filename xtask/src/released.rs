//! The released versions of the contract: what was released stays as it is, and what is not released has a new version.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use sha2::{Digest as _, Sha256};
use wit_parser::Resolve;

use crate::shell::root;

/// A version, and the SHA-256 of each of its files.
type Release = (&'static str, &'static [(&'static str, &'static str)]);

/// Every version that was released, the newest last.
const RELEASES: &[Release] = &[(
    "0.1.0",
    &[
        ("deps/change/change.wit", "f01cea22ca63c994afb9acbf24291000c9d9986af3f42dfb0330c49eae5e6531"),
        ("deps/http/http.wit", "4eb5a98c25844b719140918ab7e2f6c6635c35c5f5cfaae9cebfed34fddcf9b3"),
        ("deps/sql/sql.wit", "bf063cea734bcae4e83235d1b667073381e94b42a5e6ce5486b8cc7344bf6042"),
        ("host.wit", "8630c94af466d6ba88bde47dd8c1c1e961a2a33e64fad9ac3aadb2d4bb2dc135"),
    ],
)];

/// Compares the contract with the copies below `wit/released/`.
pub(crate) fn check() -> Result<()> {
    let wit = root().join("wit");
    for (version, digests) in RELEASES {
        let folder = wit.join("released").join(version);
        Resolve::default()
            .push_dir(&folder)
            .with_context(|| format!("`{}` does not parse", folder.display()))?;
        as_released(version, &files(&folder)?, digests)?;
    }
    let mut current = files(&wit)?;
    current.retain(|path, _| !path.starts_with("released"));
    for (version, digests) in RELEASES {
        unchanged(version, &current, digests)?;
    }
    if let Some((version, digests)) = RELEASES.last() {
        println!("{version:<24} released, {} files as they were", digests.len());
    }
    Ok(())
}

/// The copy of a release is what was released.
fn as_released(version: &str, copy: &BTreeMap<PathBuf, String>, digests: &[(&str, &str)]) -> Result<()> {
    let expected: Vec<&Path> = digests.iter().map(|(path, _)| Path::new(path)).collect();
    let found: Vec<&Path> = copy.keys().map(PathBuf::as_path).collect();
    ensure!(found == expected, "`wit/released/{version}` holds {found:?} in place of {expected:?}");
    for (path, digest) in digests {
        let text = copy.get(Path::new(path)).map(String::as_str).unwrap_or_default();
        ensure!(
            hex::encode(Sha256::digest(text)) == *digest,
            "`wit/released/{version}/{path}` was edited: it is what components were built with, and stays as it is"
        );
    }
    Ok(())
}

/// What says of itself that it has this version is what was released as it.
fn unchanged(version: &str, current: &BTreeMap<PathBuf, String>, digests: &[(&str, &str)]) -> Result<()> {
    for (path, text) in current {
        if version_of(text) != Some(version) {
            continue;
        }
        let digest = hex::encode(Sha256::digest(text));
        let is_released =
            digests.iter().any(|(known, released)| Path::new(known) == path && *released == digest);
        ensure!(
            is_released,
            "`wit/{}` differs from what was released as {version}: a change of it is a new version (CONTRIBUTING.md, \
             the contract)",
            path.display()
        );
    }
    Ok(())
}

/// The version of the package that a file begins with.
fn version_of(text: &str) -> Option<&str> {
    let line = text.lines().find(|line| line.starts_with("package "))?;
    line.trim_end_matches(';').rsplit_once('@').map(|(_, version)| version)
}

/// The texts of a folder, by their path in it.
fn files(folder: &Path) -> Result<BTreeMap<PathBuf, String>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries =
            std::fs::read_dir(&next).with_context(|| format!("`{}` cannot be read", next.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder)?.to_owned(), std::fs::read_to_string(&path)?);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(path: &str, text: &str) -> BTreeMap<PathBuf, String> {
        BTreeMap::from([(path.into(), text.to_owned())])
    }

    fn digests(text: &str) -> String {
        hex::encode(Sha256::digest(text))
    }

    #[test]
    fn what_was_released_is_not_edited() {
        check().unwrap();
        let digest = digests("package a:b@0.1.0;");
        let released = [("b.wit", digest.as_str())];
        as_released("0.1.0", &one("b.wit", "package a:b@0.1.0;"), &released).unwrap();
        for other in
            [one("b.wit", "package a:b@0.1.0; "), one("c.wit", "package a:b@0.1.0;"), BTreeMap::new()]
        {
            as_released("0.1.0", &other, &released).unwrap_err();
        }
    }

    #[test]
    fn a_change_of_the_contract_has_a_new_version() {
        let digest = digests("package a:b@0.1.0;\n");
        let released = [("b.wit", digest.as_str())];
        unchanged("0.1.0", &one("b.wit", "package a:b@0.1.0;\n"), &released).unwrap();
        unchanged("0.1.0", &one("b.wit", "package a:b@0.2.0;\ninterface c {}"), &released).unwrap();
        let error =
            unchanged("0.1.0", &one("b.wit", "package a:b@0.1.0;\ninterface c {}"), &released).unwrap_err();
        assert!(
            error.to_string().starts_with("`wit/b.wit` differs from what was released as 0.1.0"),
            "{error}"
        );
    }
}
