//! `inspect` of a change that is no component: what it declares, and which plugin of its project runs it.

use std::path::Path;

use sandpiper_engine::fault::{Fault, Place, Problem};
use sandpiper_engine::file_name::{Classified, classify};
use sandpiper_runtime::Component;
use serde_json::{Value, json};

use super::{as_json, change_touches, toolchain};
use crate::commands::{Builder, Sandpiper};
use crate::config::{Config, SystemKind};
use crate::project::{ChangeFile, ChangeInfo, EXTENSIONS, FileKind};
use crate::report::{Finished, InspectReport, RunBy};
use crate::secrets::without_password;

impl Builder {
    pub(super) async fn inspect_change_file(self, file: &Path, bytes: Vec<u8>) -> Finished<InspectReport> {
        // What variables and secrets hold says nothing about a file.
        match self.of_file(file).and_then(|builder| builder.at_build().build()) {
            Ok(sandpiper) => match sandpiper.change_file(file, bytes).await {
                Ok(report) => Finished::done(report),
                Err(problems) => sandpiper.refused(Fault::from_problems(problems)),
            },
            Err(fault) => Finished::refused(fault),
        }
    }
}

/// The plugin that runs a file.
struct Plugin {
    component: Component,
    run_by: RunBy,
    /// In which language the file is written, where it is a source file.
    language: Option<String>,
}

impl Sandpiper {
    async fn change_file(&self, path: &Path, bytes: Vec<u8>) -> Result<InspectReport, Vec<Problem>> {
        let config = self.with_claims(false).await;
        let shown = path.to_string_lossy().into_owned();
        check_name(path, &shown, &config).map_err(|problem| vec![problem])?;
        let size = bytes.len() as u64;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let file = ChangeFile::from_bytes(&name, shown, bytes.into())?;
        let (info, plugin) = match file.kind {
            FileKind::Data(_) => self.data_file(&file, &config).await?,
            FileKind::Source | FileKind::Component => self.source_file(&file, &config).await?,
        };
        let Plugin { component, run_by, language } = plugin;
        let target = info.get("target_system").and_then(Value::as_str).unwrap_or_default();
        let clients = clients(&component, target, &config);
        let by = format!(" as the {} `{}` runs it", run_by.kind, run_by.name);
        Ok(InspectReport {
            kind: "change".to_owned(),
            may_touch: change_touches(&info, &clients, &by),
            info,
            digest: file.digest.to_string(),
            size,
            imports: component.imports().to_vec(),
            exports: Vec::new(),
            language,
            toolchain: toolchain(&component),
            run_by: Some(run_by),
        })
    }

    async fn data_file(&self, file: &ChangeFile, config: &Config) -> Result<(Value, Plugin), Vec<Problem>> {
        let (Some(info), Some(name)) = (file.info(), file.template(config)) else {
            return Err(vec![Problem::error("bug", "a data file declares nothing")]);
        };
        let template = self.templates.get(name, config, &self.runtime).await.map_err(|problem| {
            let place = info.places().template.clone().unwrap_or_else(|| Place::file(file.shown.as_str()));
            vec![if problem.place.is_some() { problem } else { problem.at(place) }]
        })?;
        let mut plugins = config.templates.iter().chain(&config.plugins);
        let run_by = RunBy {
            kind: "template".to_owned(),
            name: name.to_owned(),
            digest: template.component.digest().to_string(),
            file: plugins.find(|plugin| plugin.name == name).map(|plugin| plugin.shown.clone()),
        };
        let plugin = Plugin { component: template.component.clone(), run_by, language: None };
        Ok((declared(info, name), plugin))
    }

    async fn source_file(&self, file: &ChangeFile, config: &Config) -> Result<(Value, Plugin), Vec<Problem>> {
        let extension = &file.name.extension;
        let languages = &self.templates.languages;
        let language = languages.get(extension, config, &self.runtime).await.map_err(|it| vec![it])?;
        let inspected = language.inspect(file, &self.runtime).await?;
        let mut info = as_json(&inspected.info).map_err(|fault| vec![crate::load::problem(fault, file)])?;
        if let Some(members) = info.as_object_mut() {
            members.insert("has_rollback".to_owned(), inspected.has_rollback.into());
            members.insert("has_verify".to_owned(), inspected.has_verify.into());
        }
        let named = config.languages.iter().find(|plugin| plugin.name == *extension);
        let run_by = RunBy {
            kind: "language plugin".to_owned(),
            name: language.info.name.clone(),
            digest: language.component.digest().to_string(),
            file: named.map(|plugin| plugin.shown.clone()),
        };
        let component = language.component.clone();
        Ok((info, Plugin { component, run_by, language: Some(language.info.name.clone()) }))
    }
}

/// That a file has the name of a change which this project can run.
fn check_name(path: &Path, shown: &str, config: &Config) -> Result<(), Problem> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let claimed = config.languages.iter().map(|plugin| plugin.name.as_str());
    let known: Vec<&str> = EXTENSIONS.into_iter().chain(claimed).collect();
    if !known.contains(&&*extension) {
        let message = format!("no plugin of this project runs `.{extension}`");
        let help = format!(
            "name one in `sandpiper.yaml`: `languages: {{ {extension}: plugins/{extension}.wasm }}`; what can be \
             inspected is a change or a component"
        );
        return Err(Problem::error("change::unknown-template", message).at(Place::file(shown)).help(help));
    }
    if let Classified::Change(_) = classify(&name, &known) {
        return Ok(());
    }
    let message = format!("`{name}` is no name of a change");
    let help = format!("name it `_ORDER__Name.{extension}`: `_0001__CreateOrders.{extension}`, say");
    Err(Problem::error("change::file-name", message).at(Place::file(shown)).help(help))
}

/// What a data file declares.
fn declared(info: &ChangeInfo, template: &str) -> Value {
    let uses: Vec<String> = info.uses.iter().map(|name| without_password(name.as_str())).collect();
    json!({
        "id": info.id.as_str(),
        "author": &*info.author,
        "target_system": without_password(info.target_system.as_str()),
        "description": info.description,
        "template": template,
        "transactional": info.transactional,
        "recovery": info.recovery,
        "cadence": info.cadence,
        "uses": uses,
        "labels": info.labels,
    })
}

/// The clients that a plugin asks for; where the kind of the target system is known, the one that it is lent.
fn clients(component: &Component, target: &str, config: &Config) -> Vec<&'static str> {
    let lent = config.system(target).map(|system| match system.kind {
        SystemKind::Http { .. } => "http",
        _ => "sql",
    });
    let asked = component.clients().into_iter().map(|capability| capability.as_str());
    asked.filter(|client| lent.is_none_or(|lent| lent == *client)).collect()
}
