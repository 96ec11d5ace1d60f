//! Which extensions a plugin claims, as it said when it was asked the last time: so that a run with nothing to do starts
//! none to know which files are changes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use sandpiper_engine::digest::Digest;

use super::memory::{self, Memory};
use super::stat_cache::Stamp;

/// What the file begins with: its format, and whose question was answered.
const HEAD: &str = concat!("sandpiper plugin 1 ", env!("CARGO_PKG_VERSION"));

/// What is remembered of a plugin, if its file is unchanged: the extensions that it claims, of a template none.
pub fn recall_claims(memory: Memory<'_>, plugin: &Path) -> Option<Vec<String>> {
    if !memory.believed || !memory.is_ours() {
        return None;
    }
    let text = fs::read_to_string(place(memory, plugin)).ok()?;
    let claims = text.strip_prefix(&head(plugin, memory)?)?;
    Some(claims.lines().map(str::to_owned).collect())
}

/// Remembers it.
pub fn keep_claims(memory: Memory<'_>, plugin: &Path, claims: &[String]) {
    let Some(mut text) = memory.is_ours().then(|| head(plugin, memory)).flatten() else { return };
    if claims.iter().any(|claim| claim.contains('\n')) {
        return;
    }
    text.extend(claims.iter().flat_map(|claim| [claim.as_str(), "\n"]));
    memory::write(&place(memory, plugin), text.as_bytes());
}

fn place(memory: Memory<'_>, plugin: &Path) -> PathBuf {
    memory.folder.join(format!("plugin-{}", Digest::of(plugin.as_os_str().as_encoded_bytes()).short()))
}

/// The format and the stamp of the plugin's file; none where an edit might not show.
fn head(plugin: &Path, memory: Memory<'_>) -> Option<String> {
    let stamp = Stamp::of(&File::open(plugin).ok()?).ok()?;
    stamp.is_settled(memory.now).then(|| format!("{HEAD} {:?}\n", stamp.numbers()))
}
