//! What a data file declares about its change, whichever form it is written in.

use std::sync::Arc;

use sandpiper_engine::change::{Cadence, ChangeId, Recovery, check_author};
use sandpiper_engine::fault::{Place, Problem};
use sandpiper_engine::retry::Retry;
use sandpiper_engine::scope::SystemName;
use sandpiper_engine::suggest::nearest;

use super::retry;
use crate::config::{Condition, Config, unknown_names};
use crate::secrets::without_password;
use crate::yaml::{list, one_of, position};

/// A change as its author declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeInfo {
    /// Unique in the whole pipeline.
    pub id: ChangeId,
    /// Who wrote it.
    pub author: Arc<str>,
    /// The system that it is applied to.
    pub target_system: SystemName,
    /// For people.
    pub description: Option<String>,
    /// Whether it runs in a transaction; unset: where the system and every step allow it.
    pub transactional: Option<bool>,
    /// What to do after an attempt without a known result.
    pub recovery: Recovery,
    /// When it runs again.
    pub cadence: Cadence,
    /// Further systems that it may open by name.
    pub uses: Vec<SystemName>,
    /// Free-form names and values.
    pub labels: Vec<(String, String)>,
    /// Whether it takes part at all.
    pub when: Option<Condition>,
    /// How often it is tried within a run.
    pub retry: Option<Retry>,
    /// Where these things are said; unknown where they were remembered.
    pub places: Option<Box<InfoPlaces>>,
}

/// Where a file says what is checked against the rest of the project.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InfoPlaces {
    /// Of the id.
    pub id: Option<Place>,
    /// Of the target system.
    pub target_system: Option<Place>,
    /// Of `transactional`.
    pub transactional: Option<Place>,
    /// Of the template.
    pub template: Option<Place>,
    /// Of `uses`.
    pub uses: Option<Place>,
    /// Of `when`.
    pub when: Option<Place>,
}

impl ChangeInfo {
    /// Where these things are said, as far as it is known.
    pub fn places(&self) -> &InfoPlaces {
        const UNKNOWN: &InfoPlaces = &InfoPlaces {
            id: None,
            target_system: None,
            transactional: None,
            template: None,
            uses: None,
            when: None,
        };
        self.places.as_deref().unwrap_or(UNKNOWN)
    }
}

/// What is checked of a change against the configuration, whatever kind of file it is: its systems, and the names in
/// its `when`. `shown` is its file.
pub fn check_info(info: &ChangeInfo, config: &Config, shown: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let whole = || Place::file(shown);
    let places = info.places();
    let mut check = |name: &SystemName, place: &Option<Place>| {
        if config.system(name.as_str()).is_none() {
            let place = place.clone().unwrap_or_else(whole);
            problems.push(unknown_target(name.as_str(), config).at(place));
        }
    };
    check(&info.target_system, &places.target_system);
    info.uses.iter().for_each(|name| check(name, &places.uses));
    if let Some(when) = &info.when {
        let variables = config.variables.keys().chain(&config.awaited_variables).map(String::as_str);
        let known: Vec<&str> = ["environment", "tenant"].into_iter().chain(variables).collect();
        let place = places.when.clone().unwrap_or_else(whole);
        problems.extend(unknown_names(when, &known).into_iter().map(|problem| problem.at(place.clone())));
    }
    problems
}

/// The problem of a system that the configuration does not have.
fn unknown_target(name: &str, config: &Config) -> Problem {
    let known: Vec<&str> = config.systems.iter().map(|system| system.name.as_str()).collect();
    let help = match nearest(name, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.is_empty() => {
            format!("add it: `target-systems: {{ {}: {{ kind: sqlite, .. }} }}`", word(name))
        }
        None => format!("the target systems are {}", list(&known)),
    };
    let message = format!("there is no target system `{}`", without_password(name));
    Problem::error("change::unknown-target", message).help(help)
}

fn word(name: &str) -> &str {
    if name.contains(':') { "app" } else { name }
}

/// Collects what a file declares, and what is wrong with it.
pub(super) struct Declaration<'t> {
    file: &'t str,
    text: &'t str,
    pub(super) problems: Vec<Problem>,
    pub(super) template: Option<String>,
    seen_id: bool,
    seen_author: bool,
    seen_target: bool,
    id: Option<ChangeId>,
    author: Option<Arc<str>>,
    target_system: Option<SystemName>,
    description: Option<String>,
    transactional: Option<bool>,
    recovery: Recovery,
    cadence: Cadence,
    uses: Vec<SystemName>,
    labels: Vec<(String, String)>,
    when: Option<Condition>,
    retry: Option<Retry>,
    places: InfoPlaces,
}

/// How a form of file writes a value, for help.
pub(super) type Example = fn(key: &str, value: &str) -> String;

/// The keys that both forms have, besides those of the steps.
pub(super) const KEYS: [&str; 14] = [
    "id",
    "author",
    "target-system",
    "description",
    "transactional",
    "recovery",
    "cadence",
    "uses",
    "labels",
    "when",
    "retry",
    "template",
    "configuration",
    "order",
];

impl<'t> Declaration<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        Self {
            file,
            text,
            problems: Vec::new(),
            template: None,
            seen_id: false,
            seen_author: false,
            seen_target: false,
            id: None,
            author: None,
            target_system: None,
            description: None,
            transactional: None,
            recovery: Recovery::default(),
            cadence: Cadence::default(),
            uses: Vec::new(),
            labels: Vec::new(),
            when: None,
            retry: None,
            places: InfoPlaces::default(),
        }
    }

    pub(super) fn place(&self, at: usize) -> Place {
        Place::in_text(self.file, self.text, at)
    }

    pub(super) fn problem(&mut self, at: usize, message: impl Into<String>, help: impl Into<String>) {
        let problem = Problem::error("change::syntax", message).at(self.place(at));
        self.problems.push(problem.help(help));
    }

    /// Takes the text of a key: one of [`KEYS`], but `configuration` and `order`.
    pub(super) fn take(&mut self, key: &str, value: &str, at: usize) {
        match key {
            "id" => {
                self.seen_id = true;
                self.places.id = Some(self.place(at));
                match ChangeId::new(value) {
                    Ok(id) => self.id = Some(id),
                    Err(why) => {
                        self.problem(at, why, "an id has 1 to 255 visible characters: `create-orders`")
                    }
                }
            }
            "author" => {
                self.seen_author = true;
                match check_author(value) {
                    Ok(()) => self.author = Some(value.into()),
                    Err(why) => self.problem(at, why, "name a person or a team, in one line"),
                }
            }
            "target-system" => {
                self.seen_target = true;
                self.places.target_system = Some(self.place(at));
                if value.trim().is_empty() {
                    self.problem(at, "`target-system` is empty", "name one of `target-systems`");
                } else {
                    self.target_system = Some(value.into());
                }
            }
            "description" => self.description = Some(value.to_owned()),
            "template" => {
                self.places.template = Some(self.place(at));
                self.template = Some(template_name(value).to_owned());
            }
            "transactional" => {
                self.places.transactional = Some(self.place(at));
                self.transactional = self.boolean(value, at);
            }
            "recovery" => {
                let words = [
                    ("always-retry", Recovery::AlwaysRetry),
                    ("manual-intervention", Recovery::ManualIntervention),
                ];
                self.recovery = self.word(key, value, at, &words).unwrap_or_default();
            }
            "cadence" => {
                let words =
                    [("once", Cadence::Once), ("on-change", Cadence::OnChange), ("always", Cadence::Always)];
                self.cadence = self.word(key, value, at, &words).unwrap_or_default();
            }
            "uses" => {
                self.places.uses.get_or_insert(Place::in_text(self.file, self.text, at));
                let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
                self.uses.extend(names.map(SystemName::from));
            }
            "labels" => {
                for label in value.split(',').map(str::trim).filter(|label| !label.is_empty()) {
                    let (name, value) = label.split_once(['=', ':']).unwrap_or((label, ""));
                    self.labels.push((name.trim().to_owned(), value.trim().to_owned()));
                }
            }
            "when" => match Condition::parse(value) {
                Ok(condition) => self.set_when(condition, at),
                Err((_, why)) => {
                    let help = "write `environment == production and region in [eu, us]`, say";
                    self.problem(at, format!("`when`: {why}"), help);
                }
            },
            "retry" => match retry::read_retry(value) {
                Ok(retry) => self.retry = Some(retry),
                Err(why) => self.problem(at, why, retry::HELP),
            },
            _ => {}
        }
    }

    /// Notes that a key was there, though its value was wrong: it is not missing as well.
    pub(super) fn was_there(&mut self, key: &str) {
        match key {
            "id" => self.seen_id = true,
            "author" => self.seen_author = true,
            "target-system" => self.seen_target = true,
            _ => {}
        }
    }

    pub(super) fn set_when(&mut self, condition: Condition, at: usize) {
        self.places.when = Some(self.place(at));
        self.when = Some(condition);
    }

    /// Takes one of the keys of a `retry` that has several.
    pub(super) fn set_retry(&mut self, key: &str, value: &str, at: usize) {
        let retry = self.retry.get_or_insert_with(retry::default);
        if let Err(why) = retry::set(retry, key, value) {
            self.problem(at, why, retry::HELP);
        }
    }

    pub(super) fn add_label(&mut self, name: &str, value: &str) {
        self.labels.push((name.to_owned(), value.to_owned()));
    }

    fn boolean(&mut self, value: &str, at: usize) -> Option<bool> {
        match value.to_lowercase().as_str() {
            "true" => return Some(true),
            "false" => return Some(false),
            _ => self.problem(at, format!("`transactional` is `{value}`"), "write `true` or `false`"),
        }
        None
    }

    fn word<T: Copy>(&mut self, key: &str, value: &str, at: usize, words: &[(&str, T)]) -> Option<T> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        match position(value, &names).and_then(|index| words.get(index)) {
            Some((_, meant)) => Some(*meant),
            None => {
                self.problem(at, format!("`{key}` is `{value}`"), one_of(value, &names));
                None
            }
        }
    }

    /// An `order` may be said once more, as older files do, but not differently.
    pub(super) fn check_order(&mut self, value: &str, order: &str, at: usize) {
        if value != order {
            let message = format!("`order` is `{value}`, but the file's name says `{order}`");
            self.problem(at, message, "leave it out: the order stands in the file's name");
        }
    }

    /// What was declared, when nothing is missing or wrong. `at` is where missing keys belong.
    pub(super) fn finish(
        mut self,
        at: usize,
        name: &str,
        example: Example,
    ) -> (Option<ChangeInfo>, Vec<Problem>) {
        let id = example("id", &crate::yaml::kebab(name));
        let missing = [
            (self.seen_id, "id", id, "unique in the whole pipeline"),
            (self.seen_author, "author", example("author", "orders-team"), "a person or a team"),
            (
                self.seen_target,
                "target-system",
                example("target-system", "orders-db"),
                "one of `target-systems`",
            ),
        ];
        for (seen, key, example, what) in missing {
            if !seen {
                self.problem(at, format!("`{key}` is missing"), format!("write `{example}`: {what}"));
            }
        }
        let info = match (self.id, self.author, self.target_system) {
            (Some(id), Some(author), Some(target_system)) if self.problems.is_empty() => Some(ChangeInfo {
                id,
                author,
                target_system,
                description: self.description,
                transactional: self.transactional,
                recovery: self.recovery,
                cadence: self.cadence,
                uses: self.uses,
                labels: self.labels,
                when: self.when,
                retry: self.retry,
                places: Some(Box::new(self.places)),
            }),
            _ => None,
        };
        (info, self.problems)
    }
}

/// A template by the name that this host knows: Flamingock calls `sql` `sql-template`.
fn template_name(name: &str) -> &str {
    if name == "sql-template" { "sql" } else { name }
}
