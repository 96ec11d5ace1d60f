//! `#[template(..)]`: its keys, and what it writes beside the author's code.

use crate::arguments::Problems;
use crate::functions::{Function, Functions, Kind, Of};
use crate::item;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Expr, ExprLit, Lit, MetaNameValue, Result, Token};

/// A minimal attribute, shown where a required key is missing.
const EXAMPLE: &str =
    "#[sandpiper_sdk::template(name = \"seed\", payload_schema = include_str!(\"payload.schema.json\"))]";

/// What the attribute says.
struct Arguments {
    name: Expr,
    /// A constant text, such as `include_str!(..)`.
    payload_schema: Expr,
    configuration_schema: Option<Expr>,
    rollback_required: bool,
}

/// The whole expansion: the item, and what makes a template plugin of it.
pub(crate) fn template(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    item::with_glue(Of::Template, syn::parse2::<Arguments>(arguments), item, glue)
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let (mut name, mut payload_schema, mut configuration_schema) = (None, None, None);
        let mut rollback_required = None;
        let mut problems = Problems::default();
        for MetaNameValue { path, value, .. } in
            Punctuated::<MetaNameValue, Token![,]>::parse_terminated(input)?
        {
            let key = path.get_ident().map(Ident::to_string).unwrap_or_default();
            let again = match key.as_str() {
                "name" => problems.collect(named(&value)).is_some() && name.replace(value.clone()).is_some(),
                "payload_schema" => payload_schema.replace(value.clone()).is_some(),
                "configuration_schema" => configuration_schema.replace(value.clone()).is_some(),
                "rollback_required" => {
                    let value = problems.collect(boolean(&value));
                    value.is_some_and(|value| rollback_required.replace(value).is_some())
                }
                _ => {
                    let message =
                        "there are `name`, `payload_schema`, `configuration_schema`, `rollback_required`";
                    problems.add(Error::new_spanned(&path, format!("there is no key `{key}`; {message}")));
                    false
                }
            };
            if again {
                problems.add(Error::new_spanned(&path, format!("`{key}` stands here twice")));
            }
        }
        for (key, is_there) in [("name", name.is_some()), ("payload_schema", payload_schema.is_some())] {
            if !is_there {
                let message = format!("`{key}` is missing; a template has at least\n{EXAMPLE}");
                problems.add(Error::new(Span::call_site(), message));
            }
        }
        problems.into_result()?;
        let (Some(name), Some(payload_schema)) = (name, payload_schema) else {
            return Err(Error::new(Span::call_site(), EXAMPLE));
        };
        let rollback_required = rollback_required.unwrap_or_default();
        Ok(Self { name, payload_schema, configuration_schema, rollback_required })
    }
}

/// `template:` in a change file refers to it.
fn named(value: &Expr) -> Result<()> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if !text.value().trim().is_empty() => Ok(()),
        _ => Err(Error::new_spanned(value, "`name` is a text: `name = \"seed\"`")),
    }
}

fn boolean(value: &Expr) -> Result<bool> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Bool(value), .. }) => Ok(value.value),
        _ => Err(Error::new_spanned(
            value,
            "`rollback_required` is `true` or `false`: `rollback_required = true`",
        )),
    }
}

/// One constant that nothing can refer to; inside it stand the implementations of what the component exports.
fn glue(arguments: &Arguments, functions: &Functions, home: &TokenStream) -> TokenStream {
    let bindings = quote!(::sandpiper_sdk::bindings);
    let (handle, resource) = match functions.kind {
        Kind::Sql => (quote!(::sandpiper_sdk::sql::Connection), quote!(#bindings::sql::client::Connection)),
        Kind::Http => (quote!(::sandpiper_sdk::http::Endpoint), quote!(#bindings::http::client::Endpoint)),
    };
    let world = world(functions);
    let Arguments { name, payload_schema, configuration_schema, rollback_required } = arguments;
    let configuration_schema = match configuration_schema {
        Some(schema) => quote!(::core::option::Option::Some(::std::string::String::from(#schema))),
        None => quote!(::core::option::Option::None),
    };
    let assess = match &functions.assess {
        Some(assess) => quote!(#home::#assess(&step)),
        None => quote!({
            let _ = &step;
            <::sandpiper_sdk::template::Assessment as ::core::default::Default>::default()
        }),
    };
    let call = |function: &Function, convert: TokenStream| {
        let name = &function.name;
        let target = quote_spanned!(function.parameters=> #handle::lent(target));
        let context = function
            .takes_context
            .then(|| quote_spanned!(function.parameters=> ::sandpiper_sdk::Context::lent(context)));
        quote!(#convert(#home::#name(&step, #target, #context)))
    };
    // At the place of the return type, so that an error about it is shown there.
    let outcome = |function: &Function| {
        call(function, quote_spanned!(function.output=> ::sandpiper_sdk::glue::IntoOutcome::into_outcome))
    };
    let (apply, rollback) = (outcome(&functions.apply), outcome(&functions.rollback));
    let parameters = quote! {
        step: world::Step,
        target: &#resource,
        context: &::sandpiper_sdk::bindings::execution::Context
    };
    let failure = quote!(::sandpiper_sdk::bindings::types::Failure);
    let verify = functions.verify.as_ref().map(|function| {
        let verdict = quote_spanned!(function.output=> ::sandpiper_sdk::glue::IntoVerdict::into_verdict);
        let verify = call(function, verdict);
        quote! {
            impl world::Verifier for SandpiperTemplate {
                fn verify(#parameters) -> ::core::result::Result<::sandpiper_sdk::Verdict, #failure> {
                    let _ = context;
                    let step = world::handed(step);
                    #verify
                }
            }
            #[cfg(not(target_family = "wasm"))]
            const _: () = {
                let _ = <SandpiperTemplate as world::Verifier>::verify;
            };
        }
    });
    quote! {
        const _: () = {
            #world

            struct SandpiperTemplate;

            impl world::Template for SandpiperTemplate {
                fn describe() -> world::Info {
                    world::Info {
                        name: ::std::string::String::from(#name),
                        payload_schema: ::std::string::String::from(#payload_schema),
                        configuration_schema: #configuration_schema,
                        rollback_required: #rollback_required,
                    }
                }

                fn assess(step: world::Step) -> world::Assessment {
                    let step = world::handed(step);
                    world::told(#assess)
                }
            }

            impl world::Runner for SandpiperTemplate {
                fn run(#parameters) -> ::core::result::Result<(), #failure> {
                    let _ = context;
                    let step = world::handed(step);
                    match step.action() {
                        ::sandpiper_sdk::template::Action::Rollback => #rollback,
                        _ => #apply,
                    }
                }
            }

            #verify

            #[cfg(target_family = "wasm")]
            world::export!(SandpiperTemplate with_types_in world);

            // Outside of a component nothing is exported, and an editor would call all of it unused.
            #[cfg(not(target_family = "wasm"))]
            const _: () = {
                let _ = <SandpiperTemplate as world::Template>::describe;
                let _ = <SandpiperTemplate as world::Template>::assess;
                let _ = <SandpiperTemplate as world::Runner>::run;
            };
        };
    }
}

/// Where the contract lies: beside this crate.
const CONTRACT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../wit");

/// A module with the bindings of the world that the functions ask for, made in the author's crate, and what stands between
/// them and the types of the SDK.
fn world(functions: &Functions) -> TokenStream {
    let capability = match functions.kind {
        Kind::Sql => "sql",
        Kind::Http => "http",
    };
    let with_verify = if functions.verify.is_some() { "-with-verify" } else { "" };
    let name = format!("sandpiper:{capability}/{capability}-template{with_verify}");
    let client = format!("sandpiper:{capability}/client@0.1.0");
    let capability = Ident::new(capability, Span::call_site());
    let bindings = quote!(::sandpiper_sdk::bindings);
    let exports = quote!(self::exports::sandpiper);
    let verifier = functions
        .verify
        .is_some()
        .then(|| quote!(pub use #exports::#capability::step_verifier::Guest as Verifier;));
    quote! {
        #[allow(clippy::all, dead_code, missing_docs, unreachable_pub, unsafe_code, unused_imports)]
        mod world {
            #bindings::wit_bindgen::generate!({
                world: #name,
                path: #CONTRACT,
                runtime_path: "::sandpiper_sdk::bindings::wit_bindgen::rt",
                with: {
                    "sandpiper:change/types@0.1.0": #bindings::types,
                    "sandpiper:change/execution@0.1.0": #bindings::execution,
                    #client: #bindings::#capability::client,
                },
            });
            pub use #exports::change::template::{Assessment, Guest as Template, Info, Step};
            pub use #exports::#capability::runner::Guest as Runner;
            #verifier

            use #exports::change::template::{Action, Problem};
            use #bindings::types::Place;
            use ::sandpiper_sdk::template::{self, glue};

            pub fn handed(step: Step) -> template::Step {
                let Step { action, index, target_kind, configuration, payload, finished_statements } = step;
                let action = match action {
                    Action::Apply => template::Action::Apply,
                    Action::Rollback => template::Action::Rollback,
                    Action::Verify => template::Action::Verify,
                };
                glue::Handed { action, index, target_kind, configuration, payload, finished_statements }.into()
            }

            pub fn told(assessment: template::Assessment) -> Assessment {
                let (problems, transactional) = glue::told(assessment);
                let problem = |glue::Told { pointer, offset, message, help }| Problem {
                    place: Place { pointer, offset },
                    message,
                    help,
                };
                Assessment { problems: problems.into_iter().map(problem).collect(), transactional }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "name = \"seed\", payload_schema = \"{}\"";

    fn expand(arguments: &str, item: TokenStream) -> Result<String> {
        template(arguments.parse().unwrap(), item).map(|tokens| tokens.to_string().replace(' ', ""))
    }

    fn problems(arguments: &str, item: TokenStream) -> Vec<String> {
        expand(arguments, item).unwrap_err().into_iter().map(|error| error.to_string()).collect()
    }

    fn on_sql() -> TokenStream {
        quote! {
            mod template {
                pub fn apply(step: &Step, db: &Connection, ctx: &Context) -> Result { Ok(()) }
                pub fn rollback(step: &Step, db: &Connection) -> Result { Ok(()) }
            }
        }
    }

    #[test]
    fn a_module_on_a_connection_exports_a_sql_template() {
        let text = expand(LEAST, on_sql()).unwrap();
        assert!(text.contains("\"sandpiper:sql/sql-template\""));
        assert!(text.contains(
            "self::apply(&step,::sandpiper_sdk::sql::Connection::lent(target),::sandpiper_sdk::Context::lent(context))"
        ));
        assert!(text.contains("self::rollback(&step,::sandpiper_sdk::sql::Connection::lent(target),)"));
        assert!(text.contains("rollback_required:false") && !text.contains("step_verifier"));
    }

    #[test]
    fn a_block_on_an_endpoint_that_assesses_and_verifies_exports_all_of_it() {
        let item = quote! {
            impl Queues {
                fn assess(step: &Step) -> Assessment { Assessment::default() }
                fn apply(step: &Step, api: &http::Endpoint) -> Result { Ok(()) }
                fn rollback(step: &Step, api: &http::Endpoint) -> Result { Ok(()) }
                fn verify(step: &Step, api: &http::Endpoint) -> Result<bool> { Ok(true) }
            }
        };
        let arguments = format!(
            "{LEAST}, configuration_schema = include_str!(\"configuration.json\"), rollback_required = true"
        );
        let text = expand(&arguments, item).unwrap();
        for part in [
            "\"sandpiper:http/http-template-with-verify\"",
            "<Queues>::assess(&step)",
            "world::VerifierforSandpiperTemplate",
            "String::from(include_str!(\"configuration.json\"))",
            "rollback_required:true",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn what_is_missing_is_told_with_how_to_write_it() {
        let told = problems(
            "",
            quote!(
                mod template {}
            ),
        );
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(
            told[0].starts_with("`name` is missing; a template has at least\n#[sandpiper_sdk::template(")
        );
        assert!(told[1].starts_with("`payload_schema` is missing"));
        assert!(told[2].starts_with("`apply` is missing; write `pub fn apply(step: &Step, db: &Connection"));
    }

    #[test]
    fn wrong_keys_and_values_are_told() {
        let told = |more: &str| problems(&format!("{LEAST}, {more}"), on_sql());
        assert!(told("schema = \"\"")[0].starts_with("there is no key `schema`; there are `name`"));
        assert_eq!(told("name = \"again\""), ["`name` stands here twice"]);
        assert!(told("rollback_required = \"yes\"")[0].contains("`true` or `false`"));
        assert!(problems("name = 1, payload_schema = \"\"", on_sql())[0].contains("`name` is a text"));
    }

    #[test]
    fn functions_take_the_step_first() {
        let told = problems(
            LEAST,
            quote! {
                mod template {
                    fn assess(step: Step) -> Assessment { Assessment::default() }
                    fn apply(step: &Step, db: &Connection) -> Result { Ok(()) }
                    fn rollback(db: &Connection) -> Result { Ok(()) }
                }
            },
        );
        assert_eq!(
            told,
            [
                "write `pub fn assess(step: &Step) -> Assessment { .. }`",
                "the arguments of `rollback` are `step: &Step, db: &Connection, ctx: &Context`; `ctx` may be left out",
            ]
        );
        let told = problems(
            LEAST,
            quote!(
                mod template {
                    fn apply(db: &Connection) -> Result {
                        Ok(())
                    }
                    fn rollback(step: &Step, db: &Connection) -> Result {
                        Ok(())
                    }
                }
            ),
        );
        assert!(told[0].starts_with("this takes no target system; after `step: &Step`"), "{told:?}");
    }
}
