//! `webhooks:`: who is told of what happens, and how it is signed.

use std::time::Duration;

use sandpiper_backends::http::Address;

use super::context::Value;
use super::reader::Settings;
use crate::webhooks::{Key, Kind, Webhook};
use crate::yaml::{Fields, Node};

/// How long an attempt may take, unless the configuration says it.
const TIMEOUT: Duration = Duration::from_secs(5);
const LEAST_TIMEOUT: Duration = Duration::from_millis(1);
const SECRET_HELP: &str = "make one: `echo whsec_$(openssl rand -base64 32)`";

pub(super) fn webhooks<'d>(settings: &mut Settings<'d>, node: &'d Node) -> Vec<Webhook> {
    let items = settings.yaml.items(node, "`webhooks`").unwrap_or_default();
    items.iter().filter_map(|item| webhook(settings, item)).collect()
}

fn webhook<'d>(settings: &mut Settings<'d>, node: &'d Node) -> Option<Webhook> {
    let fields = settings.mapping(node, "a webhook", &["url", "secret", "events", "timeout"])?;
    // Secrets are known before anything of the file is shown.
    let url = settings.required(&fields, "url", "https://hooks.example/sandpiper");
    let value = url.and_then(|node| settings.value(node, "`url`"));
    // `${env:HOOK_URL:-}`: where there is no address, nobody is told.
    let is_off = value.as_ref().is_some_and(|value| value.replaced && value.text.trim().is_empty());
    let keys = if is_off { Vec::new() } else { keys(settings, &fields) };
    let address =
        url.zip(value).filter(|_| !is_off).and_then(|(node, value)| address(settings, node, &value));
    let events = events(settings, &fields);
    let timeout = settings.duration(&fields, "timeout", LEAST_TIMEOUT).unwrap_or(TIMEOUT);
    Some(Webhook { address: address?, keys, events, timeout })
}

/// Where it is; the text is secret, for its path or query often is what a receiver knows its senders by.
fn address(settings: &mut Settings<'_>, node: &Node, value: &Value) -> Option<Address> {
    if value.awaits_tenant {
        // Where an image is built, the address comes with the running process.
        if !settings.context.at_build {
            let message = "`url` of a webhook holds a variable of a tenant";
            settings.problem(
                node.at,
                message,
                "name one address for all tenants: each event names its tenant",
            );
        }
        return None;
    }
    settings.context.secrets.add(&value.text);
    let parsed = Address::parse(value.text.trim());
    if let Err(why) = &parsed {
        let help = "write `https://host/path`, in quotes where a reference stands in it";
        settings.problem(node.at, format!("`url` of a webhook cannot be read: {why}"), help);
    }
    parsed.ok()
}

fn keys<'d>(settings: &mut Settings<'d>, fields: &Fields<'d>) -> Vec<Key> {
    let Some(node) = settings.required(fields, "secret", "\"${file:/run/secrets/webhook}\"") else {
        return Vec::new();
    };
    let mut keys = Vec::new();
    for item in settings.yaml.items(node, "`secret`").unwrap_or_default() {
        let Some(value) = settings.filled(item, "`secret` of a webhook") else { continue };
        if value.awaits_tenant && settings.context.at_build {
            continue;
        }
        settings.context.secrets.add(&value.text);
        match Key::parse(&value.text) {
            Ok(key) => keys.push(key),
            Err(why) => {
                settings.problem(item.at, format!("`secret` of a webhook cannot be read: {why}"), SECRET_HELP)
            }
        }
    }
    keys
}

fn events<'d>(settings: &mut Settings<'d>, fields: &Fields<'d>) -> Vec<Kind> {
    let Some(node) = fields.get("events") else { return vec![Kind::RunFinished] };
    let what = "`events` of a webhook";
    let items = settings.yaml.items(node, what).unwrap_or_default();
    let mut events = Vec::new();
    for item in items {
        let Some(text) = settings.text(item, what) else { continue };
        let found = settings.yaml.word(item, what, &text, &Kind::NAMES);
        events.extend(found.and_then(|index| Kind::ALL.get(index)));
    }
    events
}
