//! Names that an audit in MySQL or MariaDB cannot hold, or cannot tell from others: found before anything is done.

use sandpiper_backends::mysql::LONGEST_NAME;
use sandpiper_engine::fault::{Place, Problem};

use super::Config;
use super::reader::Settings;
use super::systems::{StoreConfig, SystemKind};
use super::tenants::NamedTenant;
use crate::yaml::Fields;

/// As much of a long name as is shown.
const SHOWN: usize = 30;
const ELSEWHERE: &str = "or keep the audit elsewhere: `store: sqlite:.sandpiper/audit.db`";

/// Refuses such names of the service, the environment, stages and tenants, each where it is given; `by_flag` says that
/// the environment's is not in the file.
pub(super) fn check<'d>(
    settings: &mut Settings<'d>,
    fields: &Fields<'d>,
    config: &Config,
    named: &[NamedTenant<'d>],
    by_flag: bool,
) {
    if !is_mysql(config) {
        return;
    }
    let document = settings.yaml.document;
    let key = |key: &str| document.place(fields.get(key).map_or(fields.at, |node| node.at));
    let environment = if by_flag { key("store") } else { key("environment") };
    let mut names = vec![
        ("service", config.service.as_str(), key("service")),
        ("environment", config.environment.as_str(), environment),
    ];
    for stage in &config.stages {
        let place = stage.place.clone().unwrap_or_else(|| key("pipeline"));
        names.push(("stage", stage.name.as_str(), place));
    }
    // Where one is chosen, the others were looked at before.
    let chosen = config.tenant.as_deref();
    let tenants = named.iter().filter(|tenant| chosen.is_none_or(|chosen| chosen == tenant.name));
    names.extend(tenants.map(|tenant| ("tenant", tenant.name.as_str(), document.place(tenant.at))));
    // One that a query found.
    let found = chosen.filter(|_| named.is_empty());
    names.extend(found.map(|tenant| ("tenant", tenant, key("tenants"))));
    settings
        .yaml
        .problems
        .extend(names.into_iter().filter_map(|(what, name, place)| problem(what, name, place)));
}

fn is_mysql(config: &Config) -> bool {
    match &config.store {
        StoreConfig::Mysql { .. } => true,
        StoreConfig::System(name) => {
            config.system(name.as_str()).is_some_and(|system| matches!(system.kind, SystemKind::Mysql { .. }))
        }
        StoreConfig::Sqlite { .. } | StoreConfig::Postgres { .. } => false,
    }
}

fn problem(what: &str, name: &str, place: Place) -> Option<Problem> {
    let length = name.chars().count();
    let (message, help) = if length > LONGEST_NAME {
        let beginning: String = name.chars().take(SHOWN).collect();
        (
            format!(
                "the name of the {what}, `{beginning}..`, has {length} characters, and an audit in MySQL or MariaDB \
                 holds names of up to {LONGEST_NAME}"
            ),
            format!("give it a shorter name, {ELSEWHERE}"),
        )
    } else if name.ends_with(' ') {
        // Their collations fill texts up with blanks before they compare them.
        (
            format!(
                "the name of the {what}, `{name}`, ends with a blank, and MySQL and MariaDB take it for the name without"
            ),
            format!("leave the blank out, {ELSEWHERE}"),
        )
    } else {
        return None;
    };
    Some(Problem::error("config::syntax", message).at(place).help(help))
}
