//! The JSON Schemas of our files, for editors.

/// The schema of `sandpiper.yaml`.
pub fn config() -> &'static str {
    include_str!("schema/config.json")
}

/// The schema of a change written as YAML.
pub fn change() -> &'static str {
    include_str!("schema/change.json")
}
