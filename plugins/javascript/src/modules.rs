//! The modules that a source file may import: the SDK, which the plugin carries, and nothing else.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use boa_engine::module::{Module, ModuleLoader, ModuleRequest, Referrer};
use boa_engine::{Context, JsNativeError, JsResult, Source};

use crate::natives;

/// What the SDK is imported by.
const SDK: &str = "sandpiper-sdk";

/// The module that joins the SDK to the plugin.
pub(crate) const GLUE: &str = "sandpiper-sdk/glue.js";

/// What the plugin lends its own modules.
const NATIVE: &str = "sandpiper-sdk/native";

/// The modules of the SDK as they are, and what stands beside them here.
const SOURCES: [(&str, &str); 10] = [
    ("component.js", include_str!("../../../sdk/javascript/src/component.js")),
    ("context.js", include_str!("../../../sdk/javascript/src/context.js")),
    ("errors.js", include_str!("../../../sdk/javascript/src/errors.js")),
    ("glue.js", include_str!("glue.js")),
    ("host.js", include_str!("../../../sdk/javascript/src/host.js")),
    ("http.js", include_str!("../../../sdk/javascript/src/http.js")),
    ("index.js", include_str!("../../../sdk/javascript/src/index.js")),
    ("sql.js", include_str!("../../../sdk/javascript/src/sql.js")),
    ("testing.js", include_str!("../../../sdk/javascript/src/testing.js")),
    ("values.js", include_str!("../../../sdk/javascript/src/values.js")),
];

/// Resolves imports, each module once.
#[derive(Default)]
pub(crate) struct Modules(RefCell<HashMap<String, Module>>);

impl Modules {
    /// A module of the plugin or the SDK by its whole name.
    pub(crate) fn get(&self, name: &str, context: &mut Context) -> JsResult<Option<Module>> {
        if let Some(module) = self.0.borrow().get(name) {
            return Ok(Some(module.clone()));
        }
        let module = if name == NATIVE {
            natives::module(context)
        } else {
            let file = name.strip_prefix(SDK).and_then(|file| file.strip_prefix('/'));
            let Some((_, text)) = SOURCES.iter().find(|(own, _)| Some(*own) == file) else { return Ok(None) };
            Module::parse(Source::from_bytes(text).with_path(Path::new(name)), None, context)?
        };
        self.0.borrow_mut().insert(name.to_owned(), module.clone());
        Ok(Some(module))
    }

    fn imported(&self, referrer: &Referrer, specifier: &str, context: &mut Context) -> JsResult<Module> {
        let within = referrer.path().is_some_and(|path| path.starts_with(SDK));
        let name = match specifier {
            _ if within => specifier.strip_prefix("./").map(|file| format!("{SDK}/{file}")),
            SDK => Some(format!("{SDK}/index.js")),
            "sandpiper-sdk/testing" => Some(format!("{SDK}/testing.js")),
            _ => None,
        };
        let module = match name {
            Some(name) => self.get(&name, context)?,
            None => None,
        };
        module.ok_or_else(|| {
            let message = format!("there is no module `{specifier}`: a source file may import `{SDK}` alone");
            JsNativeError::syntax().with_message(message).into()
        })
    }
}

impl ModuleLoader for Modules {
    fn load_imported_module(
        self: Rc<Self>,
        referrer: Referrer,
        request: ModuleRequest,
        context: &RefCell<&mut Context>,
    ) -> impl Future<Output = JsResult<Module>> {
        let specifier = request.specifier().to_std_string_lossy();
        let found = self.imported(&referrer, &specifier, &mut context.borrow_mut());
        async { found }
    }
}
