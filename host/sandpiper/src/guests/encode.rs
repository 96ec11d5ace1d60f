//! Makes a component of a core module, as compilers of C and Go give it: its world is what the module itself imports and
//! exports, so that it asks for no more than it calls.

use sandpiper_runtime::target::Capability;
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata, metadata};
use wit_parser::Resolve;

use super::section::append;
use super::world::{World, contract};

/// What the module's `wasi_snapshot_preview1` becomes.
const ADAPTER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/preview1.wasm"));
/// What that adapter imports.
const ADAPTER_WORLD: &str = include_str!("../../adapter/wasi.wit");
/// The name that the module imports it by.
const PREVIEW1: &str = "wasi_snapshot_preview1";

/// Makes a component of a module.
///
/// # Errors
///
/// Why the module is no change, in words.
pub(super) fn component(module: &[u8]) -> Result<Vec<u8>, String> {
    let found = interfaces(module).map_err(|error| error.to_string())?;
    if found.world.exports.iter().all(|(_, interface)| *interface != "change") {
        return Err("it exports no change".to_owned());
    }
    encode(module, &found).map_err(|error| format!("{error:#}"))
}

/// What a module shows from outside.
#[derive(Debug, Default, PartialEq, Eq)]
struct Interfaces {
    world: World,
    uses_preview1: bool,
}

fn interfaces(module: &[u8]) -> wasmparser::Result<Interfaces> {
    let mut found = Interfaces::default();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let from = import?.module;
                    found.uses_preview1 |= from == PREVIEW1;
                    for client in Capability::ALL {
                        let is_its_client = from == format!("sandpiper:{}/client@0.1.0", client.as_str());
                        if is_its_client && !found.world.clients.contains(&client) {
                            found.world.clients.push(client);
                        }
                    }
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let name = export?.name;
                    for capability in Capability::ALL {
                        for (interface, function) in [("change", "apply"), ("verify", "verify")] {
                            let exported =
                                format!("sandpiper:{}/{interface}@0.1.0#{function}", capability.as_str());
                            if name == exported {
                                found.world.exports.push((capability, interface));
                            }
                        }
                    }
                }
            }
            _ => {}
        }
    }
    // Whoever exports a change is handed what it works on, and gives it back.
    for (capability, _) in &found.world.exports {
        if !found.world.clients.contains(capability) {
            found.world.clients.push(*capability);
        }
    }
    Ok(found)
}

fn encode(module: &[u8], found: &Interfaces) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut resolve = Resolve::default();
    for (path, text) in contract() {
        resolve.push_source(path, text)?;
    }
    let package = resolve.push_source("world.wit", &found.world.text())?;
    let world = resolve.select_world(&[package], Some("guest"))?;
    let encoded = metadata::encode(&resolve, world, StringEncoding::UTF8, None)?;
    let mut module = module.to_vec();
    append(&mut module, "component-type:sandpiper", &encoded);
    let mut encoder = ComponentEncoder::default().validate(true).module(&module)?;
    if found.uses_preview1 {
        encoder = encoder.adapter(PREVIEW1, &adapter()?)?;
    }
    Ok(encoder.encode()?)
}

/// The adapter, with the world that it imports.
fn adapter() -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut resolve = Resolve::default();
    let package = resolve.push_source("wasi.wit", ADAPTER_WORLD)?;
    let world = resolve.select_world(&[package], Some("adapter"))?;
    let mut bytes = ADAPTER.to_vec();
    embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_of_a_module_is_what_it_imports_and_exports() {
        let module = wat::parse_str(
            r#"(module
                (import "sandpiper:http/client@0.1.0" "[method]endpoint.send" (func))
                (func (export "sandpiper:sql/change@0.1.0#apply"))
                (func (export "sandpiper:sql/verify@0.1.0#verify")))"#,
        )
        .unwrap();
        let found = interfaces(&module).unwrap();
        assert_eq!(found.world.clients, [Capability::Http, Capability::Sql]);
        assert_eq!(found.world.exports, [(Capability::Sql, "change"), (Capability::Sql, "verify")]);
        assert!(!found.uses_preview1);
    }

    #[test]
    fn a_module_without_a_change_is_told_so() {
        let module = wat::parse_str("(module)").unwrap();
        assert_eq!(component(&module).unwrap_err(), "it exports no change");
    }
}
