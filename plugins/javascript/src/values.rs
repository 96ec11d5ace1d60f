//! Values of the engine as those of the contract and back. What they look like on the engine's side is what a component
//! would see: a variant is `{ tag, val }`, an integer of 64 bits a bigint, a list of bytes a `Uint8Array`.

use boa_engine::bigint::JsBigInt;
use boa_engine::object::JsObject;
use boa_engine::object::builtins::{AlignedVec, JsArray, JsArrayBuffer, JsUint8Array};
use boa_engine::property::PropertyKey;
use boa_engine::{Context, JsError, JsNativeError, JsResult, JsString, JsValue, js_string};

use crate::bindings::{http, sql};

/// A property of an object.
pub(crate) fn get(object: &JsObject, name: &'static str, context: &mut Context) -> JsResult<JsValue> {
    object.get(JsString::from(name), context)
}

/// An object that a function must be given.
pub(crate) fn object(value: &JsValue) -> JsResult<JsObject> {
    value.as_object().ok_or_else(|| wrong("an object is missing"))
}

/// A text.
pub(crate) fn text(value: &JsValue, context: &mut Context) -> JsResult<String> {
    Ok(value.to_string(context)?.to_std_string_lossy())
}

/// Each element of a list.
pub(crate) fn list<T>(
    value: &JsValue,
    context: &mut Context,
    each: impl Fn(&JsValue, &mut Context) -> JsResult<T>,
) -> JsResult<Vec<T>> {
    let list = object(value)?;
    let length = get(&list, "length", context)?.to_length(context)?;
    let mut all = Vec::new();
    for index in 0..length {
        let element = list.get(PropertyKey::from(index), context)?;
        all.push(each(&element, context)?);
    }
    Ok(all)
}

/// A list of bytes.
pub(crate) fn bytes(value: &JsValue, context: &mut Context) -> JsResult<Vec<u8>> {
    JsUint8Array::from_object(object(value)?)?.to_vec(context)
}

/// Bytes, as the engine has them.
pub(crate) fn uint8_array(bytes: &[u8], context: &mut Context) -> JsResult<JsValue> {
    let block = AlignedVec::from_slice(16, bytes);
    let buffer = JsArrayBuffer::from_byte_block(block, context)?;
    Ok(JsUint8Array::from_array_buffer(buffer, context)?.into())
}

/// A list, as the engine has it.
pub(crate) fn array(elements: impl IntoIterator<Item = JsValue>, context: &mut Context) -> JsValue {
    JsArray::from_iter(elements, context).into()
}

/// A text, as the engine has it.
pub(crate) fn string(text: &str) -> JsValue {
    js_string!(text).into()
}

/// A record, as the engine has it.
pub(crate) fn record(
    fields: impl IntoIterator<Item = (&'static str, JsValue)>,
    context: &mut Context,
) -> JsResult<JsValue> {
    let object = JsObject::with_object_proto(context.intrinsics());
    for (name, value) in fields {
        object.create_data_property_or_throw(JsString::from(name), value, context)?;
    }
    Ok(object.into())
}

/// A case of a variant, as the engine has it.
pub(crate) fn variant(tag: &'static str, value: JsValue, context: &mut Context) -> JsResult<JsValue> {
    record([("tag", string(tag)), ("val", value)], context)
}

/// What an import of a component throws: an error of the contract as its `payload`.
pub(crate) fn thrown(payload: JsResult<JsValue>, context: &mut Context) -> JsError {
    match payload.and_then(|payload| record([("payload", payload)], context)) {
        Ok(error) => JsError::from_opaque(error),
        Err(error) => error,
    }
}

/// What this function was given is not what it takes.
pub(crate) fn wrong(message: &str) -> JsError {
    JsNativeError::typ().with_message(message.to_owned()).into()
}

/// The pair of a case that has two parts.
fn pair(value: &JsValue, context: &mut Context) -> JsResult<(String, String)> {
    let mut parts = list(value, context, text)?.into_iter();
    match (parts.next(), parts.next()) {
        (Some(first), Some(second)) => Ok((first, second)),
        _ => Err(wrong("a pair is missing")),
    }
}

/// A parameter.
pub(crate) fn parameter(value: &JsValue, context: &mut Context) -> JsResult<sql::Value> {
    let variant = object(value)?;
    let tag = text(&get(&variant, "tag", context)?, context)?;
    let held = get(&variant, "val", context)?;
    Ok(match tag.as_str() {
        "null" => sql::Value::Null,
        "boolean" => sql::Value::Boolean(held.to_boolean()),
        "integer" => sql::Value::Integer(held.to_big_int64(context)?),
        "double" => sql::Value::Double(held.to_number(context)?),
        "decimal" => sql::Value::Decimal(text(&held, context)?),
        "text" => sql::Value::Text(text(&held, context)?),
        "bytes" => sql::Value::Bytes(bytes(&held, context)?),
        "uuid" => sql::Value::Uuid(text(&held, context)?),
        "date" => sql::Value::Date(text(&held, context)?),
        "time" => sql::Value::Time(text(&held, context)?),
        "timestamp" => sql::Value::Timestamp(text(&held, context)?),
        "json" => sql::Value::Json(text(&held, context)?),
        "other" => sql::Value::Other(pair(&held, context)?),
        other => return Err(wrong(&format!("`{other}` is no kind of value"))),
    })
}

/// A cell of a row.
pub(crate) fn cell(value: sql::Value, context: &mut Context) -> JsResult<JsValue> {
    let (tag, held) = match value {
        sql::Value::Null => ("null", JsValue::undefined()),
        sql::Value::Boolean(value) => ("boolean", value.into()),
        sql::Value::Integer(value) => ("integer", JsBigInt::from(value).into()),
        sql::Value::Double(value) => ("double", value.into()),
        sql::Value::Decimal(text) => ("decimal", string(&text)),
        sql::Value::Text(text) => ("text", string(&text)),
        sql::Value::Bytes(bytes) => ("bytes", uint8_array(&bytes, context)?),
        sql::Value::Uuid(text) => ("uuid", string(&text)),
        sql::Value::Date(text) => ("date", string(&text)),
        sql::Value::Time(text) => ("time", string(&text)),
        sql::Value::Timestamp(text) => ("timestamp", string(&text)),
        sql::Value::Json(text) => ("json", string(&text)),
        sql::Value::Other((name, text)) => ("other", array([string(&name), string(&text)], context)),
    };
    variant(tag, held, context)
}

/// An error of a database, to be thrown.
pub(crate) fn sql_error(error: sql::Error, context: &mut Context) -> JsError {
    let payload = match error {
        sql::Error::Refused(error) => {
            let refused = database_error(error, context);
            refused.and_then(|refused| variant("refused", refused, context))
        }
        sql::Error::ConnectionLost(why) => variant("connection-lost", string(&why), context),
        sql::Error::Denied(why) => variant("denied", string(&why), context),
        sql::Error::Conversion(why) => variant("conversion", string(&why), context),
        sql::Error::LimitExceeded(why) => variant("limit-exceeded", string(&why), context),
        sql::Error::Other((name, why)) => {
            let both = array([string(&name), string(&why)], context);
            variant("other", both, context)
        }
    };
    thrown(payload, context)
}

fn database_error(error: sql::DatabaseError, context: &mut Context) -> JsResult<JsValue> {
    let optional = |text: Option<String>| text.map_or_else(JsValue::undefined, |text| string(&text));
    let extras: Vec<JsValue> =
        error.extras.iter().map(|(name, value)| array([string(name), string(value)], context)).collect();
    let extras = array(extras, context);
    let fields = [
        ("code", string(&error.code)),
        ("message", string(&error.message)),
        ("detail", optional(error.detail)),
        ("hint", optional(error.hint)),
        ("position", error.position.map_or_else(JsValue::undefined, JsValue::from)),
        ("extras", extras),
    ];
    record(fields, context)
}

/// An error of an API, to be thrown.
pub(crate) fn http_error(error: http::Error, context: &mut Context) -> JsError {
    let payload = match error {
        http::Error::NotSent(why) => variant("not-sent", string(&why), context),
        http::Error::NoAnswer(why) => variant("no-answer", string(&why), context),
        http::Error::Denied(why) => variant("denied", string(&why), context),
        http::Error::LimitExceeded(why) => variant("limit-exceeded", string(&why), context),
        http::Error::Other((name, why)) => {
            let both = array([string(&name), string(&why)], context);
            variant("other", both, context)
        }
    };
    thrown(payload, context)
}

/// A request.
pub(crate) fn request(value: &JsValue, context: &mut Context) -> JsResult<http::Request> {
    let fields = object(value)?;
    let method = object(&get(&fields, "method", context)?)?;
    let tag = text(&get(&method, "tag", context)?, context)?;
    let method = match tag.as_str() {
        "get" => http::Method::Get,
        "head" => http::Method::Head,
        "post" => http::Method::Post,
        "put" => http::Method::Put,
        "patch" => http::Method::Patch,
        "delete" => http::Method::Delete,
        _ => http::Method::Other(text(&get(&method, "val", context)?, context)?),
    };
    let path = text(&get(&fields, "path", context)?, context)?;
    let query = list(&get(&fields, "query", context)?, context, pair)?;
    let headers = list(&get(&fields, "headers", context)?, context, |header, context| {
        let header = object(header)?;
        Ok(http::Header {
            name: text(&get(&header, "name", context)?, context)?,
            value: text(&get(&header, "value", context)?, context)?,
        })
    })?;
    let body = get(&fields, "body", context)?;
    let body = if body.is_null_or_undefined() { None } else { Some(bytes(&body, context)?) };
    let timeout = get(&fields, "timeoutMs", context)?;
    let timeout_ms = if timeout.is_null_or_undefined() { None } else { Some(timeout.to_u32(context)?) };
    Ok(http::Request { method, path, query, headers, body, timeout_ms })
}

/// An answer.
pub(crate) fn response(response: http::Response, context: &mut Context) -> JsResult<JsValue> {
    let mut headers = Vec::new();
    for header in &response.headers {
        headers.push(record([("name", string(&header.name)), ("value", string(&header.value))], context)?);
    }
    let headers = array(headers, context);
    let body = uint8_array(&response.body, context)?;
    record([("status", response.status.into()), ("headers", headers), ("body", body)], context)
}
