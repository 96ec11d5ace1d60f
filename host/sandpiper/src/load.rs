//! From the files of a project to the changes of a plan: what each declares, whoever has to be asked for it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use sandpiper_engine::change::{Change, ChangeId, check_author};
use sandpiper_engine::digest::Digest;
use sandpiper_engine::fault::{Blame, Fault, Place, Problem};
use sandpiper_engine::plan::{SelectionError, Stage};
use sandpiper_engine::scope::SystemName;
use sandpiper_engine::store::Store;
use sandpiper_engine::suggest::nearest;
use sandpiper_runtime::{Component, Runtime, guest};

use crate::config::{Condition, Config, unknown_stage};
use crate::languages::{Language, Languages};
use crate::project::{self, ChangeFile, ChangeInfo, FileKind, Project};

/// The changes of a project.
pub(crate) struct Changes {
    /// The configuration, with the systems that data files name by URL.
    pub(crate) config: Config,
    /// Stage by stage, as the plan needs them.
    pub(crate) stages: Vec<Stage>,
    items: Vec<Item>,
    /// Where each stands among them, once one is asked for.
    index: OnceLock<HashMap<ChangeId, usize>>,
    /// What components said of themselves that the store does not know yet.
    new_descriptions: BTreeMap<Digest, String>,
}

/// One change with its file.
pub(crate) struct Item {
    /// Its file.
    pub(crate) file: ChangeFile,
    /// What it declares.
    pub(crate) info: Arc<ChangeInfo>,
    /// Its code, where that was looked at already.
    component: Option<Component>,
    /// What a source file can do.
    pub(crate) source: Option<Source>,
}

/// What a source file can do, and what runs it.
#[derive(Clone)]
pub(crate) struct Source {
    /// Whether it can take back what it did.
    pub(crate) has_rollback: bool,
    /// Whether it can tell if it is applied.
    pub(crate) has_verify: bool,
    /// The plugin, where it was asked.
    pub(crate) language: Option<Arc<Language>>,
}

impl Changes {
    /// Finds out what every file declares. Components whose description the store has are neither read nor compiled.
    ///
    /// # Errors
    ///
    /// All problems at once; and what the store says, when nothing else is wrong.
    pub(crate) async fn load(
        project: Project,
        runtime: &Runtime,
        store: Option<&dyn Store>,
    ) -> Result<Self, Fault> {
        let Project { config, stages, warnings: _ } = project;
        let asked = stages.iter().flat_map(|stage| &stage.files).filter(|file| is_asked(file));
        let digests: Vec<Digest> = asked.map(|file| file.digest).collect();
        let (known, store_fault) = match store {
            Some(store) if !digests.is_empty() => match store.descriptions(&digests).await {
                Ok(known) => (known.into_iter().collect(), None),
                Err(error) => (HashMap::new(), Some(Fault::from(error))),
            },
            _ => (HashMap::new(), None),
        };
        let mut loading = Loading {
            config: &config,
            runtime,
            languages: Languages::default(),
            known,
            problems: Vec::new(),
            new: BTreeMap::new(),
        };
        let mut planned = Vec::with_capacity(stages.len());
        let mut items = Vec::new();
        for stage in stages {
            let excluded = stage.config.when.as_ref().filter(|when| !config.holds(when));
            let excluded = excluded.map(|_| "the condition of its stage does not hold");
            let mut changes = Vec::with_capacity(stage.files.len());
            for file in stage.files {
                if let Some(item) = loading.item(file).await {
                    let holds = item.info.when.as_ref().is_none_or(|when| config.holds(when));
                    let own = (!holds).then_some("its condition does not hold");
                    changes.push(Change { excluded: excluded.or(own).map(Cow::from), ..item.change() });
                    items.push(item);
                }
            }
            planned.push(Stage {
                name: stage.config.name,
                after: stage.config.after,
                policies: stage.config.policies,
                excluded: excluded.map(str::to_owned),
                changes,
            });
        }
        let Loading { mut problems, new: new_descriptions, .. } = loading;
        // Those of data files were compared when they were read.
        if items.iter().any(|item| is_asked(&item.file)) {
            let ids = items
                .iter()
                .map(|item| (&item.info.id, item.file.shown.as_str(), item.info.places().id.as_ref()));
            problems.extend(project::duplicate_ids(ids));
        }
        if !problems.is_empty() {
            return Err(Fault::from_problems(problems));
        }
        if let Some(fault) = store_fault {
            return Err(fault);
        }
        Ok(Self { config, stages: planned, items, index: OnceLock::new(), new_descriptions })
    }

    /// A change with its file.
    pub(crate) fn item(&self, id: &ChangeId) -> Option<&Item> {
        let index = self.index.get_or_init(|| {
            self.items.iter().enumerate().map(|(at, item)| (item.info.id.clone(), at)).collect()
        });
        self.items.get(*index.get(id)?)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.items.len()
    }

    /// The bytes of a change's file.
    pub(crate) fn bytes(&self, id: &ChangeId) -> Option<Arc<[u8]>> {
        self.item(id).and_then(|item| item.file.bytes().ok())
    }

    /// What these changes said of themselves, where the store does not know it yet.
    pub(crate) fn new_descriptions<'a>(
        &self,
        changes: impl IntoIterator<Item = &'a Change>,
    ) -> Vec<(Digest, String)> {
        let digests = changes.into_iter().map(|change| change.digest);
        digests.filter_map(|digest| Some((digest, self.new_descriptions.get(&digest)?.clone()))).collect()
    }
}

impl Item {
    /// A change that was applied, from the bytes that ran: it declares what it declared then. `language` is the plugin
    /// that ran it, where it is a source file.
    pub(crate) async fn of_archive(
        file: ChangeFile,
        language: Option<Arc<Language>>,
        runtime: &Runtime,
        store: &dyn Store,
    ) -> Result<Self, Vec<Problem>> {
        if let Some(info) = file.info() {
            let info = info.clone();
            return Ok(Self { file, info, component: None, source: None });
        }
        // One that cannot be read is as good as none: the change is asked again.
        let known = store.descriptions(&[file.digest]).await.unwrap_or_default();
        let known = known.first().and_then(|(_, text)| Described::read(&file, text));
        let described = match (known, language) {
            (Some(known), _) => known,
            (None, Some(language)) => Described::source(language, &file, runtime).await?,
            (None, None) => Described::component(&file, runtime).await?,
        };
        let Described { info, component, source } = described;
        Ok(Self { info: Arc::new(declared(info)?), file, component, source })
    }

    /// Its code, where it is a component.
    pub(crate) fn component(&self, runtime: &Runtime) -> Result<Component, Problem> {
        match &self.component {
            Some(component) => Ok(component.clone()),
            None => {
                runtime.load(self.file.bytes()?, self.file.digest).map_err(|fault| problem(fault, &self.file))
            }
        }
    }

    /// The change, as the plan needs it.
    pub(crate) fn change(&self) -> Change {
        let (file, info) = (&self.file, &self.info);
        Change {
            id: info.id.clone(),
            order: file.name.order.clone(),
            name: file.name.name.clone(),
            author: info.author.clone(),
            target_system: info.target_system.clone(),
            digest: file.digest,
            meaning: file.meaning,
            template_digest: None,
            recovery: info.recovery,
            cadence: info.cadence,
            labels: info.labels.clone(),
            excluded: None,
        }
    }
}

/// What a component or a source file says of itself, and what was loaded to hear it.
struct Described {
    info: guest::ChangeInfo,
    component: Option<Component>,
    source: Option<Source>,
}

impl Described {
    /// From what the store knows of it.
    fn read(file: &ChangeFile, text: &str) -> Option<Self> {
        if is_component(file) {
            let info = serde_json::from_str(text).ok()?;
            return Some(Self { info, component: None, source: None });
        }
        let guest::Inspected { info, has_rollback, has_verify } = serde_json::from_str(text).ok()?;
        let source = Some(Source { has_rollback, has_verify, language: None });
        Some(Self { info, component: None, source })
    }

    /// As the store keeps it.
    fn text(&self) -> Option<String> {
        match &self.source {
            None => serde_json::to_string(&self.info).ok(),
            Some(Source { has_rollback, has_verify, .. }) => {
                let (has_rollback, has_verify) = (*has_rollback, *has_verify);
                serde_json::to_string(&guest::Inspected { info: self.info.clone(), has_rollback, has_verify })
                    .ok()
            }
        }
    }

    async fn component(file: &ChangeFile, runtime: &Runtime) -> Result<Self, Vec<Problem>> {
        let of_file = |fault| vec![problem(fault, file)];
        let bytes = file.bytes().map_err(|problem| vec![problem])?;
        let component = runtime.load(bytes, file.digest).map_err(of_file)?;
        let info = runtime.describe_change(&component).await.map_err(of_file)?;
        Ok(Self { info, component: Some(component), source: None })
    }

    async fn source(
        language: Arc<Language>,
        file: &ChangeFile,
        runtime: &Runtime,
    ) -> Result<Self, Vec<Problem>> {
        let guest::Inspected { info, has_rollback, has_verify } = language.inspect(file, runtime).await?;
        let source = Some(Source { has_rollback, has_verify, language: Some(language) });
        Ok(Self { info, component: None, source })
    }
}

struct Loading<'a> {
    config: &'a Config,
    runtime: &'a Runtime,
    languages: Languages,
    known: HashMap<Digest, String>,
    problems: Vec<Problem>,
    new: BTreeMap<Digest, String>,
}

impl Loading<'_> {
    async fn item(&mut self, file: ChangeFile) -> Option<Item> {
        if let Some(info) = file.info() {
            let info = info.clone();
            return Some(Item { file, info, component: None, source: None });
        }
        let known = self.known.get(&file.digest).and_then(|text| Described::read(&file, text));
        let described = match known {
            Some(described) => described,
            None => match self.describe(&file).await {
                Ok(described) => described,
                Err(problems) => {
                    self.problems.extend(problems);
                    return None;
                }
            },
        };
        let Described { info, component, source } = described;
        match declared(info) {
            Ok(info) => {
                self.problems.extend(project::check_info(&info, self.config, &file.shown));
                Some(Item { file, info: Arc::new(info), component, source })
            }
            Err(problems) => {
                let place = Place::file(file.shown.as_str());
                self.problems.extend(problems.into_iter().map(|problem| problem.at(place.clone())));
                None
            }
        }
    }

    async fn describe(&mut self, file: &ChangeFile) -> Result<Described, Vec<Problem>> {
        let described = if is_component(file) {
            Described::component(file, self.runtime).await?
        } else {
            let language = self.languages.get(&file.name.extension, self.config, self.runtime).await;
            let language = language.map_err(|problem| vec![at(problem, file)])?;
            Described::source(language, file, self.runtime).await?
        };
        if let Some(text) = described.text() {
            self.new.insert(file.digest, text);
        }
        Ok(described)
    }
}

/// Whether only running it tells what it declares.
fn is_asked(file: &ChangeFile) -> bool {
    !matches!(file.kind, FileKind::Data(_))
}

fn at(problem: Problem, file: &ChangeFile) -> Problem {
    if problem.place.is_some() { problem } else { problem.at(Place::file(file.shown.as_str())) }
}

fn is_component(file: &ChangeFile) -> bool {
    matches!(file.kind, FileKind::Component)
}

/// A fault of one file, as the problem that it is.
pub(crate) fn problem(fault: Fault, file: &ChangeFile) -> Problem {
    let place = fault.place.unwrap_or_else(|| Place::file(file.shown.as_str()));
    let problem = Problem::error(fault.code, fault.message).at(place);
    match fault.help {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// What a component says of itself, checked: it is a guest's word.
fn declared(described: guest::ChangeInfo) -> Result<ChangeInfo, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut wrong = |message: String, help: &str| {
        problems.push(Problem::error("change::describe", message).help(help));
    };
    let id =
        ChangeId::new(&described.id).map_err(|why| wrong(why, "give it 1 to 255 visible characters")).ok();
    if let Err(why) = check_author(&described.author) {
        wrong(why, "name who wrote the change, in 1 to 255 characters");
    }
    if described.target_system.is_empty() {
        wrong("`target-system` is empty".to_owned(), "name one of the systems under `target-systems`");
    }
    let (mut when, mut retry) = (None, None);
    for (name, value) in &described.options {
        match name.as_str() {
            "when" => match Condition::parse(value) {
                Ok(condition) => when = Some(condition),
                Err((_, why)) => {
                    wrong(format!("its `when` cannot be read: {why}"), "write `environment == staging`, say")
                }
            },
            "retry" => match project::read_retry(value) {
                Ok(read) => retry = Some(read),
                Err(why) => wrong(format!("its `retry` cannot be read: {why}"), "write `3 1s..30s`, say"),
            },
            other => {
                let meant = nearest(other, ["when", "retry"])
                    .map_or_else(String::new, |it| format!("; did you mean `{it}`?"));
                wrong(
                    format!("it has the unknown option `{other}`{meant}"),
                    "this release knows `when` and `retry`",
                );
            }
        }
    }
    let (Some(id), true) = (id, problems.is_empty()) else { return Err(problems) };
    Ok(ChangeInfo {
        id,
        author: described.author.into(),
        target_system: described.target_system.into(),
        description: described.description,
        transactional: described.transactional,
        recovery: described.recovery.unwrap_or_default(),
        cadence: described.cadence.unwrap_or_default(),
        uses: described.uses.into_iter().map(SystemName::from).collect(),
        labels: described.labels,
        when,
        retry,
        places: None,
    })
}

/// A selection that cannot be honoured, as a mistake in how the command was given.
pub(crate) fn selection_fault(error: &SelectionError, stages: &[Stage]) -> Fault {
    match error {
        SelectionError::UnknownChange(id) => unknown_change(id.as_str(), stages),
        SelectionError::UnknownStage(name) => {
            unknown_stage(name.as_str(), stages.iter().map(|stage| stage.name.as_str()))
        }
        SelectionError::EarlierPending { only, earlier } => Fault::usage(format!(
            "`{only}` cannot be applied alone: `{earlier}`, which is ordered before it, is pending"
        ))
        .with_help(format!("apply up to it: `sandpiper apply --to {only}`")),
    }
}

/// No change has this id.
pub(crate) fn unknown_change(id: &str, stages: &[Stage]) -> Fault {
    let ids = stages.iter().flat_map(|stage| &stage.changes).map(|change| change.id.as_str());
    let help = match nearest(id, ids) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => "see the ids with `sandpiper status`".to_owned(),
    };
    Fault::new("usage", Blame::User, format!("there is no change `{id}`")).with_help(help)
}
