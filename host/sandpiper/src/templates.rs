//! The template plugins of a run: those that are built in, and those that the configuration names.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jsonschema::Validator;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::fault::{Blame, Fault, Place, Problem};
use sandpiper_engine::suggest::nearest;
use sandpiper_runtime::assess::Assessor;
use sandpiper_runtime::component::Kind;
use sandpiper_runtime::guest::TemplateInfo;
use sandpiper_runtime::{Component, Runtime};
use tokio::sync::Mutex as AsyncMutex;

use crate::config::Config;
use crate::languages::Languages;

/// The template `sql`, built from `plugins/sql`.
pub(crate) const SQL: &[u8] =
    include_bytes!(concat!(env!("SANDPIPER_TEMPLATES"), "/sandpiper_plugin_sql.wasm"));

/// The template `http`, built from `plugins/http`.
const HTTP: &[u8] = include_bytes!(concat!(env!("SANDPIPER_TEMPLATES"), "/sandpiper_plugin_http.wasm"));

/// The digest of the template `sql`.
pub(crate) fn sql_digest() -> Digest {
    static DIGEST: OnceLock<Digest> = OnceLock::new();
    *DIGEST.get_or_init(|| Digest::of(SQL))
}

/// The templates that are built in, by their names.
const BUILT_IN: [(&str, &[u8]); 2] = [("sql", SQL), ("http", HTTP)];

/// A template that was loaded, and described itself.
pub(crate) struct Template {
    /// Its code.
    pub(crate) component: Component,
    /// What it says of itself.
    pub(crate) info: TemplateInfo,
    /// What a step's payload must be like.
    pub(crate) payload: Validator,
    /// What the `configuration` must be like.
    pub(crate) configuration: Option<Validator>,
    /// What is asked about steps.
    pub(crate) assessor: AsyncMutex<Assessor>,
}

/// The templates of a run, each loaded when the first change needs it. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Templates {
    loaded: Arc<Mutex<BTreeMap<String, Arc<Template>>>>,
    /// The other plugins of the run: those that run source files.
    pub(crate) languages: Languages,
}

impl Templates {
    /// The template of a name.
    ///
    /// # Errors
    ///
    /// `change::unknown-template` with the nearest name, and whatever is wrong with the plugin's file.
    pub(crate) async fn get(
        &self,
        name: &str,
        config: &Config,
        runtime: &Runtime,
    ) -> Result<Arc<Template>, Problem> {
        if let Some(template) = self.known(name) {
            return Ok(template);
        }
        let (bytes, place) = source(name, config)?;
        let template = load(bytes, runtime).await.map_err(|fault| {
            let problem = Problem::error(fault.code, format!("the template `{name}`: {}", fault.message));
            let problem = place.into_iter().fold(problem, Problem::at);
            fault.help.into_iter().fold(problem, Problem::help)
        })?;
        let template = Arc::new(template);
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), template.clone());
        Ok(template)
    }

    /// A template from the bytes that ran, by their digest.
    ///
    /// # Errors
    ///
    /// When this host cannot load it.
    pub(crate) async fn of_archive(
        &self,
        digest: Digest,
        bytes: Vec<u8>,
        runtime: &Runtime,
    ) -> Result<Arc<Template>, Problem> {
        let name = digest.to_string();
        if let Some(template) = self.known(&name) {
            return Ok(template);
        }
        let template = load(bytes.into(), runtime).await.map_err(|fault| {
            let message = format!("the template that ran it, from the archive: {}", fault.message);
            fault.help.into_iter().fold(Problem::error(fault.code, message), Problem::help)
        })?;
        let template = Arc::new(template);
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).insert(name, template.clone());
        Ok(template)
    }

    fn known(&self, name: &str) -> Option<Arc<Template>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }
}

/// The bytes of the template of a name, and their file where they are not built in.
///
/// # Errors
///
/// `change::unknown-template` with the nearest name, and a file that cannot be read.
pub(crate) fn source(name: &str, config: &Config) -> Result<(Arc<[u8]>, Option<Place>), Problem> {
    let Some(plugin) = config.templates.iter().chain(&config.plugins).find(|plugin| plugin.name == name)
    else {
        let built_in = BUILT_IN.iter().find(|(built_in, _)| *built_in == name);
        return built_in.map(|(_, bytes)| ((*bytes).into(), None)).ok_or_else(|| unknown(name, config));
    };
    let bytes = std::fs::read(&plugin.path).map_err(|error| {
        let message = format!("the template `{name}` cannot be read from `{}`: {error}", plugin.shown);
        Problem::error("config::not-found", message)
            .at(plugin.place.clone())
            .help("build the plugin, or mend its path under `templates`")
    })?;
    Ok((bytes.into(), Some(Place::file(plugin.shown.as_str()))))
}

async fn load(bytes: Arc<[u8]>, runtime: &Runtime) -> Result<Template, Fault> {
    let digest = Digest::of(&bytes);
    let component = runtime.load(bytes, digest)?;
    if component.kind() != Kind::Template {
        let message = format!("it is a {}, not a template", component.kind().as_str());
        return Err(Fault::new("change::wrong-world", Blame::Plugin, message)
            .with_help("a template exports `sandpiper:change/template` and a `runner`"));
    }
    let info = runtime.describe_template(&component).await?;
    let payload = validator("payload-schema", &info.payload_schema)?;
    let configuration = info
        .configuration_schema
        .as_deref()
        .map(|schema| validator("configuration-schema", schema))
        .transpose()?;
    let assessor = AsyncMutex::new(Assessor::new(component.clone()));
    Ok(Template { component, info, payload, configuration, assessor })
}

fn validator(what: &str, schema: &str) -> Result<Validator, Fault> {
    let wrong = |why: String| {
        Fault::new("change::describe", Blame::Plugin, format!("its `{what}` is no JSON Schema: {why}"))
            .with_help("the plugin's author has to mend it")
    };
    let schema: serde_json::Value = serde_json::from_str(schema).map_err(|error| wrong(error.to_string()))?;
    jsonschema::draft202012::new(&schema).map_err(|error| wrong(error.to_string()))
}

fn unknown(name: &str, config: &Config) -> Problem {
    let built_in = BUILT_IN.iter().map(|(name, _)| *name);
    let known: Vec<&str> = built_in
        .chain(config.templates.iter().chain(&config.plugins).map(|plugin| plugin.name.as_str()))
        .collect();
    let help = match nearest(name, known.iter().copied()) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("the templates are {}; name another one's file under `templates`", known.join(", ")),
    };
    Problem::error("change::unknown-template", format!("there is no template `{name}`")).help(help)
}
