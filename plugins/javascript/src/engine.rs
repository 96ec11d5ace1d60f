//! One engine for one question or call: the SDK and a change are evaluated in it, and a function of the change is called.

use std::path::Path;
use std::rc::Rc;

use boa_engine::builtins::promise::PromiseState;
use boa_engine::module::Module;
use boa_engine::object::JsObject;
use boa_engine::{Context, JsError, JsResult, JsString, JsValue, Source as Text};

use crate::bindings::{Failure, Place, Source, Verdict};
use crate::modules::{GLUE, Modules};
use crate::script;
use crate::text::{self, Position};
use crate::values::{get, object, string, text};

/// How many calls may lie within each other before the engine says that there are too many.
const RECURSION: usize = 1_000;

/// An engine in which a change was evaluated.
pub(crate) struct Engine {
    context: Context,
    glue: JsObject,
    change: JsValue,
}

/// A function of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Apply,
    Rollback,
    Verify,
}

/// What is wrong with a source, and where, if that is known.
pub(crate) struct Wrong {
    pub(crate) message: String,
    pub(crate) position: Option<Position>,
    pub(crate) help: Option<String>,
}

impl Wrong {
    fn new(message: impl Into<String>, position: Option<Position>) -> Self {
        Self { message: message.into(), position, help: None }
    }
}

impl Engine {
    /// Evaluates the script of a change.
    pub(crate) fn new(script: &Source) -> Result<Self, Wrong> {
        let modules = Rc::new(Modules::default());
        let context = Context::builder().module_loader(modules.clone()).build();
        let mut context = context.map_err(|error| ours(&error))?;
        context.runtime_limits_mut().set_recursion_limit(RECURSION);
        let glue = modules.get(GLUE, &mut context).map_err(|error| ours(&error))?;
        let glue = glue.ok_or_else(|| Wrong::new("the plugin lacks a module", None))?;
        evaluate(&glue, &mut context).map_err(|error| ours(&error))?;
        let glue = glue.namespace(&mut context);

        let file = Path::new(&script.file_name);
        let parsed = Module::parse(Text::from_bytes(&script.text).with_path(file), None, &mut context);
        let change = parsed.map_err(|error| of_parser(&error, &script.text))?;
        evaluate(&change, &mut context).map_err(|error| of_module(error, script, &mut context))?;
        let change = change.namespace(&mut context).get(JsString::from("default"), &mut context);
        let change = change.map_err(|error| of_module(error, script, &mut context))?;
        Ok(Self { context, glue, change })
    }

    /// Asks the SDK what the change says of itself.
    pub(crate) fn inspected(&mut self) -> JsResult<(JsObject, &mut Context)> {
        let inspected = get(&self.glue, "inspected", &mut self.context)?;
        let arguments = [self.change.clone()];
        let answer = object(&inspected)?.call(&JsValue::undefined(), &arguments, &mut self.context)?;
        Ok((object(&answer)?, &mut self.context))
    }

    /// Calls a function of the change of a source, which is lent a handle of this capability.
    pub(crate) fn call(
        source: &Source,
        capability: &str,
        function: Function,
    ) -> Result<Option<Verdict>, Failure> {
        let script = script::of(source).map_err(|wrong| first(wrong, source))?;
        let mut engine = Self::new(&script).map_err(|wrong| failed(wrong, source))?;
        let answer = engine.answer(capability, function);
        match answer.and_then(|answer| outcome(&answer, &script, source, &mut engine.context)) {
            Ok(outcome) => outcome,
            Err(error) => Err(failed(of_module(error, &script, &mut engine.context), source)),
        }
    }

    fn answer(&mut self, capability: &str, function: Function) -> JsResult<JsObject> {
        let called = get(&self.glue, "called", &mut self.context)?;
        let name = match function {
            Function::Apply => "apply",
            Function::Rollback => "rollback",
            Function::Verify => "verify",
        };
        let arguments = [self.change.clone(), string(name), string(capability)];
        let answer = object(&called)?.call(&JsValue::undefined(), &arguments, &mut self.context)?;
        object(&answer)
    }
}

/// Loads a module and what it imports, and runs it.
fn evaluate(module: &Module, context: &mut Context) -> JsResult<()> {
    let promise = module.load_link_evaluate(context);
    context.run_jobs()?;
    match promise.state() {
        PromiseState::Fulfilled(_) => Ok(()),
        PromiseState::Rejected(reason) => Err(JsError::from_opaque(reason)),
        PromiseState::Pending => Err(crate::values::wrong("it waits for something that never comes")),
    }
}

/// What a call gave: a verdict, nothing, or a failure of the contract, with the place that its error names.
fn outcome(
    answer: &JsObject,
    script: &Source,
    source: &Source,
    context: &mut Context,
) -> JsResult<Result<Option<Verdict>, Failure>> {
    let failure = get(answer, "failure", context)?;
    if failure.is_undefined() {
        let verdict = get(answer, "verdict", context)?;
        if verdict.is_undefined() {
            return Ok(Ok(None));
        }
        return Ok(Ok(Some(match text(&verdict, context)?.as_str() {
            "applied" => Verdict::Applied,
            "not-applied" => Verdict::NotApplied,
            "partly-applied" => Verdict::PartlyApplied,
            _ => Verdict::Unknown,
        })));
    }
    let failure = object(&failure)?;
    let kind = get(&failure, "tag", context)?;
    let kind = text(&kind, context)?;
    let message = get(&failure, "val", context)?;
    let message = text(&message, context)?;
    let stack = get(answer, "stack", context)?;
    let position = match stack.as_string() {
        Some(stack) => text::in_stack(&stack.to_std_string_lossy(), &script.file_name),
        None => None,
    };
    let position = text::undefined(&script.text, &message, position).or(position);
    Ok(Err(match kind.as_str() {
        "precondition" => Failure::Precondition(message),
        "transient" => Failure::Transient(message),
        "irreversible" => Failure::Irreversible(message),
        _ => failed(Wrong::new(message, position), source),
    }))
}

/// A change with such mistakes is told all of them before it is called: this is for one that no longer is what was told.
fn first(wrong: Vec<Wrong>, source: &Source) -> Failure {
    let first = wrong.into_iter().next();
    first.map_or_else(|| Failure::Failed("it cannot be read".to_owned()), |wrong| failed(wrong, source))
}

fn failed(Wrong { message, position, .. }: Wrong, source: &Source) -> Failure {
    match position.and_then(|position| position.offset(&source.text)) {
        Some(offset) => Failure::FailedAt((message, Place { pointer: String::new(), offset: Some(offset) })),
        None => Failure::Failed(message),
    }
}

/// An error of what the plugin itself brings.
fn ours(error: &JsError) -> Wrong {
    Wrong::new(format!("the plugin is damaged: {error}"), None)
}

/// An error of the parser.
fn of_parser(error: &JsError, text: &str) -> Wrong {
    let said = error.as_native().map_or_else(|| error.to_string(), |native| native.message().to_string());
    match text::of_parser(&said) {
        ("abrupt end", _) => Wrong::new("the file ends too early", Some(Position::end(text))),
        (message, position) => Wrong::new(message, position),
    }
}

/// An error that came while a module was linked or evaluated.
fn of_module(error: JsError, script: &Source, context: &mut Context) -> Wrong {
    let shown = error.to_string();
    let said = shown.split("\n    at ").next().unwrap_or(&shown).trim_end_matches(" (native)");
    let message = said.strip_prefix("SyntaxError: ").unwrap_or(said).to_owned();
    let thrown = error.into_opaque(context).ok().and_then(|thrown| thrown.as_object());
    let stack = thrown.and_then(|thrown| get(&thrown, "stack", context).ok());
    let stack = stack.and_then(|stack| stack.as_string()).map(|stack| stack.to_std_string_lossy());
    let position = text::in_stack(&shown, &script.file_name)
        .or_else(|| text::in_stack(&stack?, &script.file_name))
        .or_else(|| text::import(&script.text, message.split('`').nth(1)?));
    let position = text::undefined(&script.text, &message, position).or(position);
    Wrong::new(message, position)
}
