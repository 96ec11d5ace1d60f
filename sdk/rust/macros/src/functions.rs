//! The functions of a change: which there are, and what kind of system they work on.

use crate::arguments::Problems;
use proc_macro2::{Ident, Span};
use syn::spanned::Spanned;
use syn::{Error, FnArg, Result, ReturnType, Signature, Type};

/// What kind of system a change works on; the type of the first argument tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `&sql::Connection`
    Sql,
    /// `&http::Endpoint`
    Http,
}

impl Kind {
    fn parameter(self) -> &'static str {
        match self {
            Self::Sql => "db: &Connection",
            Self::Http => "api: &Endpoint",
        }
    }
}

/// One of the functions of a change, checked.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: Ident,
    pub(crate) takes_context: bool,
    /// Where an error about its parameters belongs, and one about what it returns.
    pub(crate) parameters: Span,
    pub(crate) output: Span,
}

/// All functions of a change.
#[derive(Debug)]
pub(crate) struct Functions {
    pub(crate) kind: Kind,
    pub(crate) apply: Function,
    pub(crate) rollback: Function,
    pub(crate) verify: Option<Function>,
}

impl Functions {
    /// Finds them among the functions of a module or an `impl` block that stands at `place`.
    pub(crate) fn find<'a>(signatures: impl Iterator<Item = &'a Signature>, place: Span) -> Result<Self> {
        let mut apply = None;
        let mut rollback = None;
        let mut verify = None;
        for signature in signatures {
            match signature.ident.to_string().as_str() {
                "apply" => apply = Some(signature),
                "rollback" => rollback = Some(signature),
                "verify" => verify = Some(signature),
                _ => {}
            }
        }
        let mut problems = Problems::default();
        let Some(apply) = apply else {
            return Err(Error::new(
                place,
                "`apply` is missing; write `pub fn apply(db: &Connection, ctx: &Context) -> Result { .. }`, with \
                 `&sql::Connection` for a database or `&http::Endpoint` for an API",
            ));
        };
        let kind = problems.collect(kind(apply));
        let function = |signature, problems: &mut Problems| {
            problems.collect(check(signature, kind)).zip(kind).map(|(function, _)| function)
        };
        let checked_apply = function(apply, &mut problems);
        let checked_rollback = match rollback {
            Some(rollback) => function(rollback, &mut problems),
            None => {
                let parameter = kind.unwrap_or(Kind::Sql).parameter();
                problems.add(Error::new(
                    place,
                    format!(
                        "`rollback` is missing; write `pub fn rollback({parameter}, ctx: &Context) -> Result {{ .. }}`; \
                         one that cannot take `apply` back returns `Err(Error::irreversible(\"..\"))`"
                    ),
                ));
                None
            }
        };
        let verify = verify.and_then(|verify| function(verify, &mut problems));
        problems.into_result()?;
        match (kind, checked_apply, checked_rollback) {
            (Some(kind), Some(apply), Some(rollback)) => Ok(Self { kind, apply, rollback, verify }),
            _ => Err(Error::new(place, "`apply` and `rollback` are not the functions of a change")),
        }
    }
}

/// The kind of system that `apply` works on.
fn kind(apply: &Signature) -> Result<Kind> {
    let wrong = |span, what: &str| {
        let message = format!(
            "{what}; the first argument of `apply` is the target system: `&sql::Connection` or `&http::Endpoint`, \
             written with that name"
        );
        Err(Error::new(span, message))
    };
    match apply.inputs.first() {
        None => wrong(apply.ident.span(), "this takes no argument"),
        Some(FnArg::Receiver(receiver)) => wrong(receiver.span(), "`apply` takes no `self`"),
        Some(FnArg::Typed(argument)) => match referred(&argument.ty).as_deref() {
            Some("Connection") => Ok(Kind::Sql),
            Some("Endpoint") => Ok(Kind::Http),
            _ => wrong(argument.ty.span(), "this is no target system"),
        },
    }
}

/// Checks a function whose target system is of a known kind; of an unknown one `apply` was told already.
fn check(signature: &Signature, kind: Option<Kind>) -> Result<Function> {
    let name = signature.ident.clone();
    if let Some(asynchronous) = &signature.asyncness {
        let message = format!("`{name}` is not `async`: calls to the host return when they are done");
        return Err(Error::new(asynchronous.span(), message));
    }
    if signature.generics.params.iter().next().is_some() {
        return Err(Error::new(signature.generics.span(), format!("`{name}` takes no generic parameters")));
    }
    if let Some(kind) = kind {
        let wanted = format!("{}, ctx: &Context", kind.parameter());
        let mut inputs = signature.inputs.iter();
        let expected = match kind {
            Kind::Sql => "Connection",
            Kind::Http => "Endpoint",
        };
        let first = inputs.next().is_some_and(|input| is_reference_to(input, expected));
        let second = inputs.next().is_none_or(|input| is_reference_to(input, "Context"));
        if !first || !second || inputs.next().is_some() {
            let message = format!("the arguments of `{name}` are `{wanted}`; `ctx` may be left out");
            return Err(Error::new(signature.paren_token.span.join(), message));
        }
    }
    let output = match &signature.output {
        ReturnType::Default => signature.ident.span(),
        ReturnType::Type(_, output) => output.span(),
    };
    Ok(Function {
        takes_context: signature.inputs.len() == 2,
        parameters: signature.inputs.span(),
        output,
        name,
    })
}

fn is_reference_to(input: &FnArg, name: &str) -> bool {
    matches!(input, FnArg::Typed(argument) if referred(&argument.ty).as_deref() == Some(name))
}

/// The last word of the path of a type behind `&`.
fn referred(of: &Type) -> Option<String> {
    let Type::Reference(reference) = of else {
        return None;
    };
    let Type::Path(path) = &*reference.elem else {
        return None;
    };
    if reference.mutability.is_some() {
        return None;
    }
    path.path.segments.last().map(|segment| segment.ident.to_string())
}
