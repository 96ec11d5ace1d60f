//! The functions of a change or a template: which there are, and what kind of system they work on.

use crate::arguments::Problems;
use proc_macro2::{Ident, Span};
use syn::spanned::Spanned;
use syn::{Error, FnArg, Result, ReturnType, Signature, Type};

/// What the functions are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// A change: the first argument is the target system.
    Change,
    /// A template: a step of a change comes before the target system.
    Template,
}

impl Of {
    /// What stands before the target system, as it is written.
    fn before(self) -> &'static str {
        match self {
            Self::Change => "",
            Self::Template => "step: &Step, ",
        }
    }

    /// So many arguments stand before the target system.
    fn leading(self) -> usize {
        match self {
            Self::Change => 0,
            Self::Template => 1,
        }
    }
}

/// What kind of system a change works on; the type of the argument tells.
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

/// One of the functions, checked.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: Ident,
    pub(crate) takes_context: bool,
    /// Where an error about its parameters belongs, and one about what it returns.
    pub(crate) parameters: Span,
    pub(crate) output: Span,
}

/// All functions that the host calls.
#[derive(Debug)]
pub(crate) struct Functions {
    pub(crate) kind: Kind,
    /// Of a template: it looks at a step before anything runs.
    pub(crate) assess: Option<Ident>,
    pub(crate) apply: Function,
    pub(crate) rollback: Function,
    pub(crate) verify: Option<Function>,
}

impl Functions {
    /// Finds them among the functions of a module or an `impl` block that stands at `place`.
    pub(crate) fn find<'a>(
        of: Of,
        signatures: impl Iterator<Item = &'a Signature>,
        place: Span,
    ) -> Result<Self> {
        let mut assess = None;
        let mut apply = None;
        let mut rollback = None;
        let mut verify = None;
        for signature in signatures {
            match signature.ident.to_string().as_str() {
                "assess" if of == Of::Template => assess = Some(signature),
                "apply" => apply = Some(signature),
                "rollback" => rollback = Some(signature),
                "verify" => verify = Some(signature),
                _ => {}
            }
        }
        let mut problems = Problems::default();
        let Some(apply) = apply else {
            let message = format!(
                "`apply` is missing; write `pub fn apply({}db: &Connection, ctx: &Context) -> Result {{ .. }}`, with \
                 `&sql::Connection` for a database or `&http::Endpoint` for an API",
                of.before()
            );
            return Err(Error::new(place, message));
        };
        let kind = problems.collect(kind(of, apply));
        let assess = assess.and_then(|assess| problems.collect(assessing(assess)));
        let function = |signature, problems: &mut Problems| {
            problems.collect(check(of, signature, kind)).zip(kind).map(|(function, _)| function)
        };
        let checked_apply = function(apply, &mut problems);
        let checked_rollback = match rollback {
            Some(rollback) => function(rollback, &mut problems),
            None => {
                let (before, parameter) = (of.before(), kind.unwrap_or(Kind::Sql).parameter());
                problems.add(Error::new(
                    place,
                    format!(
                        "`rollback` is missing; write `pub fn rollback({before}{parameter}, ctx: &Context) -> Result {{ .. }}`; \
                         one that cannot take `apply` back returns `Err(Error::irreversible(\"..\"))`"
                    ),
                ));
                None
            }
        };
        let verify = verify.and_then(|verify| function(verify, &mut problems));
        problems.into_result()?;
        match (kind, checked_apply, checked_rollback) {
            (Some(kind), Some(apply), Some(rollback)) => Ok(Self { kind, assess, apply, rollback, verify }),
            _ => Err(Error::new(place, "`apply` and `rollback` are not what the host calls")),
        }
    }
}

/// The kind of system that `apply` works on.
fn kind(of: Of, apply: &Signature) -> Result<Kind> {
    let wrong = |span, what: &str| {
        let which = match of {
            Of::Change => "the first argument of `apply` is the target system",
            Of::Template => "after `step: &Step` the argument of `apply` is the target system",
        };
        let message =
            format!("{what}; {which}: `&sql::Connection` or `&http::Endpoint`, written with that name");
        Err(Error::new(span, message))
    };
    match apply.inputs.iter().nth(of.leading()) {
        None => wrong(apply.ident.span(), "this takes no target system"),
        Some(FnArg::Receiver(receiver)) => wrong(receiver.span(), "`apply` takes no `self`"),
        Some(FnArg::Typed(argument)) => match referred(&argument.ty).as_deref() {
            Some("Connection") => Ok(Kind::Sql),
            Some("Endpoint") => Ok(Kind::Http),
            _ => wrong(argument.ty.span(), "this is no target system"),
        },
    }
}

/// Checks the function that looks at a step.
fn assessing(signature: &Signature) -> Result<Ident> {
    let is_right = signature.asyncness.is_none()
        && signature.generics.params.is_empty()
        && signature.inputs.len() == 1
        && signature.inputs.iter().all(|input| is_reference_to(input, "Step"));
    if is_right {
        return Ok(signature.ident.clone());
    }
    Err(Error::new(signature.span(), "write `pub fn assess(step: &Step) -> Assessment { .. }`"))
}

/// Checks a function whose target system is of a known kind; of an unknown one `apply` was told already.
fn check(of: Of, signature: &Signature, kind: Option<Kind>) -> Result<Function> {
    let name = signature.ident.clone();
    if let Some(asynchronous) = &signature.asyncness {
        let message = format!("`{name}` is not `async`: calls to the host return when they are done");
        return Err(Error::new(asynchronous.span(), message));
    }
    if signature.generics.params.iter().next().is_some() {
        return Err(Error::new(signature.generics.span(), format!("`{name}` takes no generic parameters")));
    }
    if let Some(kind) = kind {
        let wanted = format!("{}{}, ctx: &Context", of.before(), kind.parameter());
        let mut inputs = signature.inputs.iter();
        let leading = inputs.by_ref().take(of.leading()).all(|input| is_reference_to(input, "Step"));
        let expected = match kind {
            Kind::Sql => "Connection",
            Kind::Http => "Endpoint",
        };
        let first = inputs.next().is_some_and(|input| is_reference_to(input, expected));
        let second = inputs.next().is_none_or(|input| is_reference_to(input, "Context"));
        if !leading || !first || !second || inputs.next().is_some() {
            let message = format!("the arguments of `{name}` are `{wanted}`; `ctx` may be left out");
            return Err(Error::new(signature.paren_token.span.join(), message));
        }
    }
    let output = match &signature.output {
        ReturnType::Default => signature.ident.span(),
        ReturnType::Type(_, output) => output.span(),
    };
    Ok(Function {
        takes_context: signature.inputs.len() == of.leading() + 2,
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
