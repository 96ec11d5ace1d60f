//! From the types that wasmtime makes of our WIT to the host's own, and back.

use std::time::Duration;

use sandpiper_engine::change::{Cadence, Recovery};

use crate::bindings::exports::sandpiper::change::language;
use crate::bindings::exports::sandpiper::change::template as exported;
use crate::bindings::sandpiper::change::types;
use crate::bindings::sandpiper::http::client as api;
use crate::bindings::sandpiper::sql::client;
use crate::guest::{
    Action, Assessment, CallError, ChangeInfo, Inspected, LanguageInfo, PayloadPlace, PayloadProblem, Source,
    SourceProblem, Step, TemplateInfo, Verdict,
};
use crate::http::{Header, Method, Request, Response};
use crate::sql::{Column, DatabaseError, Value};
use crate::text;

impl From<types::ChangeInfo> for ChangeInfo {
    fn from(info: types::ChangeInfo) -> Self {
        Self {
            id: info.id,
            author: info.author,
            target_system: info.target_system,
            description: info.description.map(|description| text::lines(&description, text::REASON)),
            transactional: info.transactional,
            recovery: info.recovery.map(|recovery| match recovery {
                types::Recovery::ManualIntervention => Recovery::ManualIntervention,
                types::Recovery::AlwaysRetry => Recovery::AlwaysRetry,
            }),
            cadence: info.cadence.map(|cadence| match cadence {
                types::Cadence::Once => Cadence::Once,
                types::Cadence::OnChange => Cadence::OnChange,
                types::Cadence::Always => Cadence::Always,
            }),
            uses: info.uses,
            labels: info.labels,
            options: info.options,
        }
    }
}

impl From<types::Verdict> for Verdict {
    fn from(verdict: types::Verdict) -> Self {
        match verdict {
            types::Verdict::Applied => Self::Applied,
            types::Verdict::NotApplied => Self::NotApplied,
            types::Verdict::PartlyApplied => Self::PartlyApplied,
            types::Verdict::Unknown => Self::Unknown,
        }
    }
}

impl From<types::Place> for PayloadPlace {
    fn from(place: types::Place) -> Self {
        Self { pointer: text::line(text::cut(&place.pointer, text::LINE)), offset: place.offset }
    }
}

/// What a guest gives as the reason of its failure.
impl From<types::Failure> for CallError {
    fn from(failure: types::Failure) -> Self {
        let safe = |message: String| text::lines(&message, text::REASON);
        match failure {
            types::Failure::Precondition(message) => Self::Precondition(safe(message)),
            types::Failure::Failed(message) => Self::Failed { message: safe(message), place: None },
            types::Failure::FailedAt((message, place)) => {
                Self::Failed { message: safe(message), place: Some(place.into()) }
            }
            types::Failure::Transient(message) => Self::Transient(safe(message)),
            types::Failure::Irreversible(message) => Self::Irreversible(safe(message)),
        }
    }
}

impl From<exported::Info> for TemplateInfo {
    fn from(info: exported::Info) -> Self {
        Self {
            name: info.name,
            payload_schema: info.payload_schema,
            configuration_schema: info.configuration_schema,
            rollback_required: info.rollback_required,
        }
    }
}

impl From<language::Info> for LanguageInfo {
    fn from(info: language::Info) -> Self {
        Self { name: info.name, extensions: info.extensions }
    }
}

impl From<Source> for types::Source {
    fn from(source: Source) -> Self {
        Self { file_name: source.file_name, text: source.text }
    }
}

impl From<language::Inspected> for Inspected {
    fn from(inspected: language::Inspected) -> Self {
        let language::Inspected { info, has_rollback, has_verify } = inspected;
        Self { info: info.into(), has_rollback, has_verify }
    }
}

impl From<language::Problem> for SourceProblem {
    fn from(problem: language::Problem) -> Self {
        let safe = |message: String| text::lines(&message, text::REASON);
        let language::Problem { line, column, message, help } = problem;
        Self { line, column, message: safe(message), help: help.map(safe) }
    }
}

impl From<Step> for exported::Step {
    fn from(step: Step) -> Self {
        Self {
            action: match step.action {
                Action::Apply => exported::Action::Apply,
                Action::Rollback => exported::Action::Rollback,
                Action::Verify => exported::Action::Verify,
            },
            index: step.index,
            target_kind: step.target_kind,
            configuration: step.configuration,
            payload: step.payload,
            finished_statements: step.finished_statements,
        }
    }
}

impl From<exported::Assessment> for Assessment {
    fn from(assessment: exported::Assessment) -> Self {
        let safe = |message: String| text::lines(&message, text::REASON);
        let problems = assessment.problems.into_iter().map(|problem| PayloadProblem {
            place: problem.place.into(),
            message: safe(problem.message),
            help: problem.help.map(safe),
        });
        Self { problems: problems.collect(), transactional: assessment.transactional }
    }
}

impl From<client::Value> for Value {
    fn from(value: client::Value) -> Self {
        match value {
            client::Value::Null => Self::Null,
            client::Value::Boolean(value) => Self::Boolean(value),
            client::Value::Integer(value) => Self::Integer(value),
            client::Value::Double(value) => Self::Double(value),
            client::Value::Decimal(text) => Self::Decimal(text),
            client::Value::Text(text) => Self::Text(text),
            client::Value::Bytes(bytes) => Self::Bytes(bytes),
            client::Value::Uuid(text) => Self::Uuid(text),
            client::Value::Date(text) => Self::Date(text),
            client::Value::Time(text) => Self::Time(text),
            client::Value::Timestamp(text) => Self::Timestamp(text),
            client::Value::Json(text) => Self::Json(text),
            client::Value::Other((name, text)) => Self::Other(name, text),
        }
    }
}

impl From<Value> for client::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Boolean(value) => Self::Boolean(value),
            Value::Integer(value) => Self::Integer(value),
            Value::Double(value) => Self::Double(value),
            Value::Decimal(text) => Self::Decimal(text),
            Value::Text(text) => Self::Text(text),
            Value::Bytes(bytes) => Self::Bytes(bytes),
            Value::Uuid(text) => Self::Uuid(text),
            Value::Date(text) => Self::Date(text),
            Value::Time(text) => Self::Time(text),
            Value::Timestamp(text) => Self::Timestamp(text),
            Value::Json(text) => Self::Json(text),
            Value::Other(name, text) => Self::Other((name, text)),
        }
    }
}

impl From<Column> for client::Column {
    fn from(column: Column) -> Self {
        Self { name: column.name, type_name: column.type_name }
    }
}

impl From<DatabaseError> for client::DatabaseError {
    fn from(error: DatabaseError) -> Self {
        let mut extras = error.extras;
        if error.transient {
            extras.push(("transient".to_owned(), "true".to_owned()));
        }
        Self {
            code: error.code,
            message: error.message,
            detail: error.detail,
            hint: error.hint,
            position: error.position,
            extras,
        }
    }
}

impl From<api::Method> for Method {
    fn from(method: api::Method) -> Self {
        match method {
            api::Method::Get => Self::Get,
            api::Method::Head => Self::Head,
            api::Method::Post => Self::Post,
            api::Method::Put => Self::Put,
            api::Method::Patch => Self::Patch,
            api::Method::Delete => Self::Delete,
            api::Method::Other(name) => Self::named(name),
        }
    }
}

impl From<api::Header> for Header {
    fn from(header: api::Header) -> Self {
        Self { name: header.name, value: header.value }
    }
}

impl Request {
    /// What a guest asks for, within the host's limit.
    pub(crate) fn within(max_body: usize, request: api::Request) -> Self {
        Self {
            method: request.method.into(),
            path: request.path,
            query: request.query,
            headers: request.headers.into_iter().map(Into::into).collect(),
            body: request.body,
            timeout: request.timeout_ms.map(|milliseconds| Duration::from_millis(milliseconds.into())),
            max_body,
        }
    }
}

impl From<Response> for api::Response {
    fn from(response: Response) -> Self {
        let header = |header: Header| api::Header { name: header.name, value: header.value };
        Self {
            status: response.status,
            headers: response.headers.into_iter().map(header).collect(),
            body: response.body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guests_reason_is_bounded_and_made_safe() {
        let message = format!("\u{1b}[31m{}", "x".repeat(1 << 20));
        let CallError::Failed { message, .. } = types::Failure::Failed(message).into() else {
            panic!("another failure came out");
        };
        assert!(message.starts_with(r"\u{1b}[31mxxx"), "{}", &message[..20]);
        assert!(message.ends_with("further bytes were cut]") && message.len() < text::REASON + 100);
    }

    #[test]
    fn a_transient_error_says_so_to_the_guest() {
        let error = DatabaseError { transient: true, ..DatabaseError::default() };
        let extras = client::DatabaseError::from(error).extras;
        assert_eq!(extras, [("transient".to_owned(), "true".to_owned())]);
    }
}
