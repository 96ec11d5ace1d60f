//! Lists a stage's folder: one look, in the order of names, and nothing that is nearly a change is left out silently.

use std::fs::DirEntry;
use std::path::{Path, PathBuf};

use sandpiper_engine::fault::{Place, Problem};
use sandpiper_engine::file_name::{Classified, FileName, Order, classify, misleading};

use crate::config::StageConfig;

/// A change's file, not read yet.
pub(super) struct Listed {
    pub(super) path: PathBuf,
    pub(super) shown: String,
    pub(super) name: FileName,
}

/// What a folder holds.
#[derive(Default)]
pub(super) struct Listing {
    pub(super) files: Vec<Listed>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}

/// Lists a stage's folder. `others` are folders whose changes are read elsewhere.
pub(super) fn list(stage: &StageConfig, extensions: &[&str], others: &[&Path]) -> Listing {
    let mut listing = Listing::default();
    let named = |entry: DirEntry| (entry.file_name(), entry);
    let entries = std::fs::read_dir(&stage.location)
        .and_then(|entries| entries.map(|entry| entry.map(named)).collect::<std::io::Result<Vec<_>>>());
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(error) => {
            let message = format!("the folder of stage `{}` cannot be read: {error}", stage.name);
            let problem = Problem::error("config::not-found", message).at(Place::file(stage.shown.as_str()));
            listing.problems.push(problem.help("create it, or let this user read it"));
            return listing;
        }
    };
    entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    listing.files.reserve(entries.len());
    for (name, entry) in &entries {
        listing.add(stage, &name.to_string_lossy(), entry, extensions, others);
    }
    listing.check_orders(stage);
    listing
}

impl Listing {
    fn add(
        &mut self,
        stage: &StageConfig,
        file: &str,
        entry: &DirEntry,
        extensions: &[&str],
        others: &[&Path],
    ) {
        if file.starts_with('.') {
            return;
        }
        let shown = match stage.shown.trim_end_matches('/') {
            "." => file.to_owned(),
            folder => [folder, "/", file].concat(),
        };
        let classified = classify(file, extensions);
        let kind = entry.file_type();
        let is_link = kind.as_ref().is_ok_and(std::fs::FileType::is_symlink);
        let is_folder = if is_link { entry.path().is_dir() } else { kind.is_ok_and(|kind| kind.is_dir()) };
        match classified {
            Classified::Change(_) if is_folder => {
                self.near(&shown, "it is a folder, with the name of a change")
            }
            _ if is_folder => self.folder(stage, &entry.path(), &shown, extensions, others),
            Classified::Change(name) => {
                if !name.is_pascal_case() {
                    let message = format!("the name `{}` is not written in PascalCase", name.name);
                    let warning =
                        Problem::warning("change::file-name", message).at(Place::file(shown.as_str()));
                    self.warnings.push(warning.help(format!("`{}` is recommended", pascal_case(&name.name))));
                }
                self.files.push(Listed { path: entry.path(), shown, name });
            }
            Classified::Near(why) => self.near(&shown, &why),
            Classified::Other => {}
        }
    }

    fn near(&mut self, shown: &str, why: &str) {
        let problem = Problem::error("change::file-name", format!("this is nearly a change: {why}"));
        let help = "rename it, or move it out of the stage's folder";
        self.problems.push(problem.at(Place::file(shown)).help(help));
    }

    /// A folder is never read for changes; that it holds some is said.
    fn folder(
        &mut self,
        stage: &StageConfig,
        path: &Path,
        shown: &str,
        extensions: &[&str],
        others: &[&Path],
    ) {
        if path == stage.sources || others.contains(&path) {
            return;
        }
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        let changes = entries.filter(|entry| {
            matches!(classify(&entry.file_name().to_string_lossy(), extensions), Classified::Change(_))
        });
        let count = changes.count();
        if count > 0 {
            let message = format!("this folder holds {count} change files, and is not read");
            let warning = Problem::warning("change::file-name", message).at(Place::file(shown));
            self.warnings.push(warning.help("make it a stage of its own, or move its files up"));
        }
    }

    /// Orders are distinct, and rise as numbers too.
    fn check_orders(&mut self, stage: &StageConfig) {
        self.files.sort_by(|a, b| a.name.order.cmp(&b.name.order).then_with(|| a.shown.cmp(&b.shown)));
        for pair in self.files.windows(2) {
            let [first, second] = pair else { continue };
            if first.name.order == second.name.order {
                let message = format!("`{}` has the order `{}` too", first.shown, second.name.order);
                let problem =
                    Problem::error("change::duplicate-order", message).at(Place::file(second.shown.as_str()));
                self.problems.push(problem.help("give each change of a stage an order of its own"));
            }
        }
        let orders = self.files.iter().map(|file| &file.name.order);
        if let Some((earlier, later)) = misleading(orders) {
            let file = |order: &Order| self.files.iter().find(|file| file.name.order == *order);
            let place =
                Place::file(file(earlier).map_or_else(|| stage.shown.clone(), |file| file.shown.clone()));
            let message = format!("`{earlier}` comes before `{later}` as text, but not as a number");
            let problem = Problem::error("change::file-name", message).at(place);
            self.problems.push(problem.help("pad the orders to one width"));
        }
    }
}

fn pascal_case(name: &str) -> String {
    let words = name.split(['_', '-']).filter(|word| !word.is_empty());
    let capitals = words.map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    capitals.collect()
}
