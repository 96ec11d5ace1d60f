//! `target-systems:` and `store:`: what kind each is, and its address.

use std::path::{Path, PathBuf};

pub use sandpiper_backends::http::Auth;
use sandpiper_backends::http::{BaseUrl, Settings as HttpSettings};
use sandpiper_backends::{mysql, postgres};
use sandpiper_engine::fault::{Place, Problem};
use sandpiper_engine::scope::SystemName;
use sandpiper_engine::suggest::nearest;

use super::context::Value;
use super::reader::Settings;
use crate::secrets::without_password;
use crate::yaml::{Fields, Node};

/// A system that changes may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemConfig {
    /// What changes call it.
    pub name: SystemName,
    /// What it is, and where.
    pub kind: SystemKind,
    /// Set on each of its sessions before a change.
    pub settings: Vec<(String, String)>,
    /// `record: full`: the values of parameters and bodies are kept with its calls.
    pub record_full: bool,
    /// Its address holds a variable that only a tenant has, and none is chosen: it cannot be opened yet.
    pub awaits_tenant: bool,
    /// Where it stands in the configuration; none for a system that a data file names by its URL.
    pub place: Option<Place>,
}

/// What a system is, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SystemKind {
    /// A SQLite file.
    Sqlite {
        /// An absolute path.
        path: PathBuf,
    },
    /// A PostgreSQL database.
    Postgres {
        /// `postgres://..`.
        url: String,
    },
    /// A MySQL or MariaDB database.
    Mysql {
        /// `mysql://..`.
        url: String,
    },
    /// An HTTP API.
    Http {
        /// What the paths of requests are below.
        base_url: String,
        /// How requests are authorised.
        auth: Option<Auth>,
    },
}

impl SystemKind {
    /// The kinds as the configuration names them.
    pub const NAMES: [&'static str; 5] = ["sqlite", "postgres", "mysql", "mariadb", "http"];

    /// The kind as the configuration names it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "sqlite",
            Self::Postgres { .. } => "postgres",
            Self::Mysql { .. } => "mysql",
            Self::Http { .. } => "http",
        }
    }

    /// Its URL without a password; none of a file. Other secrets may be in it.
    pub(crate) fn shown_address(&self) -> Option<String> {
        match self {
            Self::Sqlite { .. } => None,
            Self::Postgres { url } | Self::Mysql { url } => Some(without_password(url)),
            Self::Http { base_url, .. } => Some(without_password(base_url)),
        }
    }
}

/// Where the audit is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreConfig {
    /// In a SQLite file.
    Sqlite {
        /// An absolute path.
        path: PathBuf,
    },
    /// In a PostgreSQL database.
    Postgres {
        /// `postgres://..`.
        url: String,
    },
    /// In a MySQL or MariaDB database.
    Mysql {
        /// `mysql://..`.
        url: String,
    },
    /// In the database of this target system: its changes are `shared`.
    System(SystemName),
}

/// Where the store is unless the configuration says it: relative to its folder.
pub(super) const DEFAULT_STORE: &str = ".sandpiper/audit.db";

pub(super) fn systems<'d>(settings: &mut Settings<'d>, node: &'d Node) -> Vec<SystemConfig> {
    let entries = settings.yaml.entries(node, "`target-systems`").unwrap_or_default();
    let systems = entries.iter().filter_map(|entry| {
        if entry.key.trim().is_empty() {
            settings.problem(
                entry.key_at,
                "a target system has no name",
                "write `orders-db: { kind: sqlite, .. }`",
            );
            return None;
        }
        let place = settings.yaml.document.place(entry.key_at);
        system(settings, &entry.key, &entry.value, place)
    });
    systems.collect()
}

fn system<'d>(settings: &mut Settings<'d>, name: &str, node: &'d Node, place: Place) -> Option<SystemConfig> {
    let what = format!("the target system `{name}`");
    let all = ["kind", "path", "url", "base-url", "auth", "settings", "record"];
    // The kind is read first, for it decides which keys there are.
    let kind = settings.yaml.entries(node, &what)?.iter().find(|entry| &*entry.key == "kind");
    let Some(kind) = kind.filter(|kind| !kind.value.is_null()) else {
        settings.mapping(node, &what, &all);
        let help = format!("write `kind:` with one of {}", crate::yaml::list(&SystemKind::NAMES));
        settings.problem(node.at, format!("{what} has no `kind`"), help);
        return None;
    };
    let text = settings.text(&kind.value, "`kind`")?;
    let kind = settings.yaml.word(&kind.value, "`kind`", &text, &SystemKind::NAMES)?;
    let keys: &[&str] = match kind {
        0 => &["kind", "path", "settings", "record"],
        1..=3 => &["kind", "url", "settings", "record"],
        _ => &["kind", "base-url", "auth", "settings", "record"],
    };
    let fields = settings.mapping(node, &what, keys)?;
    let record = settings.word(&fields, "record", &["digest", "full"]);
    let session = fields.get("settings").map(|node| session_settings(settings, node)).unwrap_or_default();
    let auth = fields.get("auth").and_then(|node| auth(settings, node));
    let (key, example, schemes): (&str, &str, &[&str]) = match kind {
        0 => ("path", "app.db", &[]),
        1 => ("url", "\"postgres://user@host/database\"", &["postgres://", "postgresql://"]),
        2 | 3 => ("url", "\"mysql://user@host/database\"", &["mysql://", "mariadb://"]),
        _ => ("base-url", "https://host/api/", &["https://", "http://"]),
    };
    let node = settings.required(&fields, key, example)?;
    let address = settings.filled(node, &format!("`{key}` of {what}"))?;
    let awaits_tenant = address.awaits_tenant;
    check_scheme(settings, node, key, &address, schemes)?;
    match kind {
        1 => check_postgres(settings, node, key, &address)?,
        2 | 3 => check_mysql(settings, node, key, &address)?,
        _ => {}
    }
    // Credentials and certificates come with the running process.
    if kind > 3 && !settings.context.at_build {
        check_http(settings, node, &address, &fields, auth.as_ref(), &session)?;
    }
    let kind = match kind {
        0 => SystemKind::Sqlite { path: sqlite_path(settings, node, &address.text)? },
        1 => SystemKind::Postgres { url: address.text },
        2 | 3 => SystemKind::Mysql { url: address.text },
        _ => SystemKind::Http { base_url: address.text, auth },
    };
    let record_full = record == Some(1);
    Some(SystemConfig {
        name: name.into(),
        kind,
        settings: session,
        record_full,
        awaits_tenant,
        place: Some(place),
    })
}

fn check_scheme(
    settings: &mut Settings<'_>,
    node: &Node,
    key: &str,
    address: &Value,
    schemes: &[&str],
) -> Option<()> {
    let lower = address.text.to_lowercase();
    if schemes.is_empty() || address.awaits_tenant || schemes.iter().any(|scheme| lower.starts_with(scheme)) {
        return Some(());
    }
    let begin = schemes.iter().map(|scheme| format!("`{scheme}`")).collect::<Vec<_>>().join(" or ");
    settings.problem(node.at, format!("`{key}` does not begin with {begin}"), "write the address as a URL");
    None
}

fn check_postgres(settings: &mut Settings<'_>, node: &Node, key: &str, address: &Value) -> Option<()> {
    let parsed = postgres::Address::parse(&address.text, &settings.path("")).map(drop);
    let help = "write `postgres://user:password@host:port/database`";
    check_address(settings, node, key, address, parsed, help)
}

fn check_mysql(settings: &mut Settings<'_>, node: &Node, key: &str, address: &Value) -> Option<()> {
    let parsed = mysql::Address::parse(&address.text, &settings.path("")).map(drop);
    let help = "write `mysql://user:password@host:port/database`";
    check_address(settings, node, key, address, parsed, help)
}

fn check_address(
    settings: &mut Settings<'_>,
    node: &Node,
    key: &str,
    address: &Value,
    parsed: Result<(), String>,
    help: &str,
) -> Option<()> {
    match parsed {
        Err(why) if !address.awaits_tenant => {
            settings.problem(node.at, format!("`{key}` cannot be read: {why}"), help);
            None
        }
        _ => Some(()),
    }
}

/// What an API is, and how it is spoken to; nothing of it is repeated that may be secret.
fn check_http(
    settings: &mut Settings<'_>,
    node: &Node,
    address: &Value,
    fields: &Fields<'_>,
    auth: Option<&Auth>,
    session: &[(String, String)],
) -> Option<()> {
    let folder = settings.path("");
    let mut checked = Some(());
    let mut wrong = |at: usize, message: String, help: &str| {
        settings.problem(at, message, help);
        checked = None;
    };
    if !address.awaits_tenant
        && let Err(why) = BaseUrl::parse(&address.text)
    {
        wrong(node.at, format!("`base-url` cannot be read: {why}"), "write `https://host/path/`");
    }
    if let (Some(node), Some(Err(why))) = (fields.get("auth"), auth.map(Auth::check)) {
        wrong(node.at, why, "mend what `auth` says, or what its references name");
    }
    if let (Some(node), Err(why)) = (fields.get("settings"), HttpSettings::read(session, &folder)) {
        wrong(node.at, why, "write `settings: { sslrootcert: ca.pem, timeout: 30 }`, say");
    }
    checked
}

fn sqlite_path(settings: &mut Settings<'_>, node: &Node, text: &str) -> Option<PathBuf> {
    match check_sqlite_path(text) {
        Ok(path) => Some(settings.path(path)),
        Err((message, help)) => {
            settings.problem(node.at, message, help);
            None
        }
    }
}

/// The path of a SQLite address: `sqlite:` is left out.
fn check_sqlite_path(text: &str) -> Result<&str, (String, String)> {
    let scheme = text.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("sqlite:"));
    let path = scheme.and_then(|_| text.get(7..)).unwrap_or(text);
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.contains(":memory:") || path.contains("mode=memory") {
        let message = "a database in memory does not outlive the run".to_owned();
        return Err((message, "name a file: `app.db`".to_owned()));
    }
    if path.trim().is_empty() {
        return Err(("the path of the SQLite file is empty".to_owned(), "name a file: `app.db`".to_owned()));
    }
    Ok(path)
}

fn session_settings<'d>(settings: &mut Settings<'d>, node: &'d Node) -> Vec<(String, String)> {
    let entries = settings.yaml.entries(node, "`settings`").unwrap_or_default();
    let values = entries.iter().filter_map(|entry| {
        let value = settings.value(&entry.value, &format!("the setting `{}`", entry.key))?;
        Some((entry.key.to_string(), value.text))
    });
    values.collect()
}

fn auth<'d>(settings: &mut Settings<'d>, node: &'d Node) -> Option<Auth> {
    let kinds = ["bearer", "basic", "header", "oauth2", "sigv4"];
    let fields = settings.mapping(node, "`auth`", &kinds)?;
    let named: Vec<String> = fields.keys().map(str::to_owned).collect();
    let [kind] = named.as_slice() else {
        let help = format!("write exactly one of {}", crate::yaml::list(&kinds));
        settings.problem(node.at, format!("`auth` has {} ways to authorise", named.len()), help);
        return None;
    };
    let node = settings.required(&fields, kind, "..")?;
    if kind == "bearer" {
        return secret(settings, node, "`bearer`").map(Auth::Bearer);
    }
    let what = format!("`{kind}`");
    match kind.as_str() {
        "basic" => {
            let fields = settings.mapping(node, &what, &["user", "password"])?;
            let user = settings.required_text(&fields, "user", "me");
            let password = secret_of(settings, &fields, "password");
            Some(Auth::Basic { user: user?, password: password? })
        }
        "header" => {
            let fields = settings.mapping(node, &what, &["name", "value"])?;
            let name = settings.required_text(&fields, "name", "X-Api-Key");
            let value = secret_of(settings, &fields, "value");
            Some(Auth::Header { name: name?, value: value? })
        }
        "oauth2" => {
            let keys = ["token-url", "client-id", "client-secret", "scopes"];
            let fields = settings.mapping(node, &what, &keys)?;
            let token_url = settings.required_text(&fields, "token-url", "https://host/token");
            let client_id = settings.required_text(&fields, "client-id", "me");
            let client_secret = secret_of(settings, &fields, "client-secret");
            let scopes =
                fields.get("scopes").map(|node| texts(settings, node, "`scopes`")).unwrap_or_default();
            Some(Auth::OAuth2 {
                token_url: token_url?,
                client_id: client_id?,
                client_secret: client_secret?,
                scopes,
            })
        }
        _ => {
            let keys = ["region", "service", "access-key", "secret-key", "session-token"];
            let fields = settings.mapping(node, &what, &keys)?;
            let region = settings.required_text(&fields, "region", "eu-central-1");
            let service = settings.required_text(&fields, "service", "s3");
            let access_key = settings.required_text(&fields, "access-key", "\"${env:AWS_ACCESS_KEY_ID}\"");
            let secret_key = secret_of(settings, &fields, "secret-key");
            let session_token =
                fields.get("session-token").and_then(|node| secret(settings, node, "`session-token`"));
            let (region, service) = (region?, service?);
            Some(Auth::SigV4 {
                region,
                service,
                access_key: access_key?,
                secret_key: secret_key?,
                session_token,
            })
        }
    }
}

/// Credentials are secret, also those that are written out.
fn secret<'d>(settings: &mut Settings<'d>, node: &'d Node, what: &str) -> Option<String> {
    let text = settings.text(node, what)?;
    settings.context.secrets.add(&text);
    Some(text)
}

fn secret_of<'d>(settings: &mut Settings<'d>, fields: &Fields<'d>, key: &str) -> Option<String> {
    let node = settings.required(fields, key, &format!("\"${{file:/run/secrets/{key}}}\""))?;
    secret(settings, node, &format!("`{key}`"))
}

pub(super) fn texts<'d>(settings: &mut Settings<'d>, node: &'d Node, what: &str) -> Vec<String> {
    let items = settings.yaml.items(node, what).unwrap_or_default();
    items.iter().filter_map(|item| settings.text(item, what)).collect()
}

/// Reads `store:`; and whether its address awaits a tenant.
pub(super) fn store<'d>(
    settings: &mut Settings<'d>,
    node: &'d Node,
    systems: &[&str],
) -> Option<(StoreConfig, bool)> {
    let value = settings.filled(node, "`store`")?;
    let text = value.text.as_str();
    let awaits = value.awaits_tenant;
    if systems.contains(&text) {
        return Some((StoreConfig::System(text.into()), awaits));
    }
    let lower = text.to_lowercase();
    if lower.starts_with("sqlite:") {
        return Some((StoreConfig::Sqlite { path: sqlite_path(settings, node, text)? }, awaits));
    }
    if lower.starts_with("postgres://") || lower.starts_with("postgresql://") {
        check_postgres(settings, node, "store", &value)?;
        return Some((StoreConfig::Postgres { url: text.to_owned() }, awaits));
    }
    if lower.starts_with("mysql://") || lower.starts_with("mariadb://") {
        check_mysql(settings, node, "store", &value)?;
        return Some((StoreConfig::Mysql { url: text.to_owned() }, awaits));
    }
    if awaits && settings.context.at_build {
        return Some((StoreConfig::Sqlite { path: settings.path(text) }, awaits));
    }
    let help = match nearest(text, systems.iter().copied()) {
        Some(meant) => format!("did you mean the target system `{meant}`?"),
        None => {
            "write `sqlite:.sandpiper/audit.db`, `postgres://..`, `mysql://..`, or a target system's name"
                .into()
        }
    };
    settings.problem(
        node.at,
        format!("`store` is `{}`, no address and no target system", shown(settings, text)),
        help,
    );
    None
}

fn shown(settings: &Settings<'_>, text: &str) -> String {
    settings.context.secrets.redact(text).into_owned()
}

/// The system that a data file names by its URL, where there is no configuration: paths are relative to `folder`.
///
/// # Errors
///
/// What is wrong with the URL. It has no place yet.
pub fn system_of_url(url: &str, folder: &Path) -> Result<SystemConfig, Problem> {
    let lower = url.to_lowercase();
    let wrong = |message: String, help: String| Problem::error("change::unknown-target", message).help(help);
    let kind = if lower.starts_with("sqlite:") {
        let path = check_sqlite_path(url).map_err(|(message, help)| wrong(message, help))?;
        SystemKind::Sqlite { path: folder.join(path) }
    } else if lower.starts_with("postgres://") || lower.starts_with("postgresql://") {
        SystemKind::Postgres { url: url.to_owned() }
    } else if lower.starts_with("mysql://") || lower.starts_with("mariadb://") {
        SystemKind::Mysql { url: url.to_owned() }
    } else if lower.starts_with("https://") || lower.starts_with("http://") {
        SystemKind::Http { base_url: url.to_owned(), auth: None }
    } else {
        let message = format!("`{}` is no target system", without_password(url));
        let help = "without a configuration a target system is a URL: write `sqlite:app.db`; else create \
                    `sandpiper.yaml` with `sandpiper init`";
        return Err(wrong(message, help.to_owned()));
    };
    Ok(SystemConfig {
        name: without_password(url).into(),
        kind,
        settings: Vec::new(),
        record_full: false,
        awaits_tenant: false,
        place: None,
    })
}
