//! The functions that the plugin's own modules are lent: the contract's calls, and what only the system can do.

use boa_engine::module::{Module, SyntheticModuleInitializer};
use boa_engine::object::{FunctionObjectBuilder, JsObject};
use boa_engine::{Context, JsArgs as _, JsResult, JsString, JsValue, NativeFunction};

use crate::bindings::{Level, http, sql};
use crate::host::{self, OpenConnection, OpenCursor, OpenEndpoint};
use crate::values::{
    array, bytes, cell, http_error, list, object, parameter, record, request, response, sql_error, string,
    text, thrown, uint8_array, wrong,
};

type Function = fn(&JsValue, &[JsValue], &mut Context) -> JsResult<JsValue>;

const FUNCTIONS: [(&str, Function); 24] = [
    ("openConnection", open_connection),
    ("dialect", dialect),
    ("execute", execute),
    ("executeMany", execute_many),
    ("runScript", run_script),
    ("query", query),
    ("columns", columns),
    ("next", next),
    ("release", release),
    ("openEndpoint", open_endpoint),
    ("send", send),
    ("idempotencyKey", idempotency_key),
    ("attempt", attempt),
    ("tenant", tenant),
    ("variable", variable),
    ("log", log),
    ("progress", progress),
    ("saveCheckpoint", save_checkpoint),
    ("loadCheckpoint", load_checkpoint),
    ("isCancelled", is_cancelled),
    ("print", print),
    ("encode", encode),
    ("decode", decode),
    ("random", random),
];

/// All of them as a module.
pub(crate) fn module(context: &mut Context) -> Module {
    let names = FUNCTIONS.map(|(name, _)| JsString::from(name));
    let fill = SyntheticModuleInitializer::from_copy_closure(|module, context| {
        for (name, function) in FUNCTIONS {
            let name = JsString::from(name);
            let function = NativeFunction::from_fn_ptr(function);
            let function = FunctionObjectBuilder::new(context.realm(), function).name(name.clone()).build();
            module.set_export(&name, function.into())?;
        }
        Ok(())
    });
    Module::synthetic(&names, fill, None, None, context)
}

/// The connection behind a value: one that was opened, else the one that is lent.
fn connection<T>(value: &JsValue, then: impl FnOnce(&sql::Connection) -> T) -> JsResult<T> {
    if let Some(object) = value.as_object() {
        let open = object.downcast_ref::<OpenConnection>().ok_or_else(|| wrong("this is no connection"))?;
        return Ok(then(&open.0));
    }
    host::connection(then).ok_or_else(|| wrong("the connection is lent while a function of the change runs"))
}

fn endpoint<T>(value: &JsValue, then: impl FnOnce(&http::Endpoint) -> T) -> JsResult<T> {
    if let Some(object) = value.as_object() {
        let open = object.downcast_ref::<OpenEndpoint>().ok_or_else(|| wrong("this is no endpoint"))?;
        return Ok(then(&open.0));
    }
    host::endpoint(then).ok_or_else(|| wrong("the endpoint is lent while a function of the change runs"))
}

fn context_of<T>(then: impl FnOnce(&crate::bindings::Context) -> T) -> JsResult<T> {
    host::context(then).ok_or_else(|| wrong("the context is lent while a function of the change runs"))
}

fn open_connection(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let system = text(arguments.get_or_undefined(0), context)?;
    let opened = sql::Connection::open(&system).map_err(|error| sql_error(error, context))?;
    Ok(JsObject::from_proto_and_data(None, OpenConnection(opened)).into())
}

fn dialect(_: &JsValue, arguments: &[JsValue], _: &mut Context) -> JsResult<JsValue> {
    connection(arguments.get_or_undefined(0), |db| string(&db.dialect()))
}

fn execute(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let statement = text(arguments.get_or_undefined(1), context)?;
    let parameters = list(arguments.get_or_undefined(2), context, parameter)?;
    let done = connection(arguments.get_or_undefined(0), |db| db.execute(&statement, &parameters))?;
    done.map(count).map_err(|error| sql_error(error, context))
}

fn execute_many(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let statement = text(arguments.get_or_undefined(1), context)?;
    let row = |row: &JsValue, context: &mut Context| list(row, context, parameter);
    let rows = list(arguments.get_or_undefined(2), context, row)?;
    let done = connection(arguments.get_or_undefined(0), |db| db.execute_many(&statement, &rows))?;
    done.map(count).map_err(|error| sql_error(error, context))
}

fn count(rows: u64) -> JsValue {
    JsValue::from(rows)
}

fn run_script(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let script = text(arguments.get_or_undefined(1), context)?;
    let done = connection(arguments.get_or_undefined(0), |db| db.run_script(&script))?;
    done.map(|()| JsValue::undefined()).map_err(|error| sql_error(error, context))
}

fn query(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let statement = text(arguments.get_or_undefined(1), context)?;
    let parameters = list(arguments.get_or_undefined(2), context, parameter)?;
    let begun = connection(arguments.get_or_undefined(0), |db| db.query(&statement, &parameters))?;
    let cursor = begun.map_err(|error| sql_error(error, context))?;
    Ok(JsObject::from_proto_and_data(None, OpenCursor(Some(cursor))).into())
}

fn cursor<T>(value: &JsValue, then: impl FnOnce(&sql::Cursor) -> T) -> JsResult<T> {
    let object = object(value)?;
    let open = object.downcast_ref::<OpenCursor>().ok_or_else(|| wrong("these are no rows"))?;
    open.0.as_ref().map(then).ok_or_else(|| wrong("the rows were given back already"))
}

fn columns(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let columns = cursor(arguments.get_or_undefined(0), sql::Cursor::columns)?;
    let mut all = Vec::new();
    for column in columns {
        let fields = [("name", string(&column.name)), ("typeName", string(&column.type_name))];
        all.push(record(fields, context)?);
    }
    Ok(array(all, context))
}

fn next(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let most = arguments.get_or_undefined(1).to_u32(context)?;
    let rows = cursor(arguments.get_or_undefined(0), |cursor| cursor.next(most))?;
    let rows = rows.map_err(|error| sql_error(error, context))?;
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let mut cells = Vec::with_capacity(row.len());
        for value in row {
            cells.push(cell(value, context)?);
        }
        all.push(array(cells, context));
    }
    Ok(array(all, context))
}

fn release(_: &JsValue, arguments: &[JsValue], _: &mut Context) -> JsResult<JsValue> {
    if let Some(mut cursor) = object(arguments.get_or_undefined(0))?.downcast_mut::<OpenCursor>() {
        cursor.0 = None;
    }
    Ok(JsValue::undefined())
}

fn open_endpoint(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let system = text(arguments.get_or_undefined(0), context)?;
    let opened = http::Endpoint::open(&system).map_err(|error| http_error(error, context))?;
    Ok(JsObject::from_proto_and_data(None, OpenEndpoint(opened)).into())
}

fn send(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let request = request(arguments.get_or_undefined(1), context)?;
    let answer = endpoint(arguments.get_or_undefined(0), |api| api.send(&request))?;
    match answer {
        Ok(answer) => response(answer, context),
        Err(error) => Err(http_error(error, context)),
    }
}

fn idempotency_key(_: &JsValue, _: &[JsValue], _: &mut Context) -> JsResult<JsValue> {
    context_of(|ctx| string(&ctx.idempotency_key()))
}

fn attempt(_: &JsValue, _: &[JsValue], _: &mut Context) -> JsResult<JsValue> {
    context_of(|ctx| ctx.attempt().into())
}

fn tenant(_: &JsValue, _: &[JsValue], _: &mut Context) -> JsResult<JsValue> {
    context_of(|ctx| ctx.tenant().map_or_else(JsValue::undefined, |name| string(&name)))
}

fn variable(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let name = text(arguments.get_or_undefined(0), context)?;
    context_of(|ctx| ctx.variable(&name).map_or_else(JsValue::undefined, |value| string(&value)))
}

fn log(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let level = text(arguments.get_or_undefined(0), context)?;
    let message = text(arguments.get_or_undefined(1), context)?;
    let level = match level.as_str() {
        "trace" => Level::Trace,
        "debug" => Level::Debug,
        "info" => Level::Info,
        "warn" => Level::Warn,
        "error" => Level::Error,
        other => return Err(wrong(&format!("`{other}` is no level of the log"))),
    };
    context_of(|ctx| ctx.log(level, &message))?;
    Ok(JsValue::undefined())
}

fn progress(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let done = arguments.get_or_undefined(0).to_big_uint64(context)?;
    let total = arguments.get_or_undefined(1).to_big_uint64(context)?;
    context_of(|ctx| ctx.progress(done, total))?;
    Ok(JsValue::undefined())
}

fn save_checkpoint(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let data = bytes(arguments.get_or_undefined(0), context)?;
    match context_of(|ctx| ctx.save_checkpoint(&data))? {
        Ok(()) => Ok(JsValue::undefined()),
        Err(why) => Err(thrown(Ok(string(&why)), context)),
    }
}

fn load_checkpoint(_: &JsValue, _: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    match context_of(crate::bindings::Context::load_checkpoint)? {
        Some(data) => uint8_array(&data, context),
        None => Ok(JsValue::undefined()),
    }
}

fn is_cancelled(_: &JsValue, _: &[JsValue], _: &mut Context) -> JsResult<JsValue> {
    context_of(|ctx| ctx.is_cancelled().into())
}

/// What is printed goes where what a component prints goes.
fn print(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let level = text(arguments.get_or_undefined(0), context)?;
    let line = text(arguments.get_or_undefined(1), context)?;
    if matches!(level.as_str(), "error" | "warn") {
        eprintln!("{line}");
    } else {
        println!("{line}");
    }
    Ok(JsValue::undefined())
}

fn encode(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let text = text(arguments.get_or_undefined(0), context)?;
    uint8_array(text.as_bytes(), context)
}

/// The text that bytes are, and whether every one of them belongs to it.
fn decode(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let bytes = bytes(arguments.get_or_undefined(0), context)?;
    let tag = if std::str::from_utf8(&bytes).is_ok() { "whole" } else { "replaced" };
    crate::values::variant(tag, string(&String::from_utf8_lossy(&bytes)), context)
}

fn random(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let count = arguments.get_or_undefined(0).to_u32(context)?.min(65_536);
    let mut bytes = vec![0; count as usize];
    getrandom::fill(&mut bytes).map_err(|error| wrong(&format!("there are no random numbers: {error}")))?;
    uint8_array(&bytes, context)
}
