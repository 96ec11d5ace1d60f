//! What `#[change]` writes beside the author's code: the description, and the exports of the component.

use crate::arguments::Arguments;
use crate::functions::{Function, Functions, Kind, Of};
use crate::item;
use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Result;

/// The whole expansion: the item, and what makes a component of it.
pub(crate) fn change(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    item::with_glue(Of::Change, syn::parse2::<Arguments>(arguments), item, glue)
}

/// One constant that nothing can refer to; inside it stand the implementations of what the component exports.
fn glue(arguments: &Arguments, functions: &Functions, home: &TokenStream) -> TokenStream {
    let bindings = quote!(::sandpiper_sdk::bindings);
    let description = description(arguments);
    let (change, verifier, handle, resource) = match functions.kind {
        Kind::Sql => (
            quote!(#bindings::sql_change),
            quote!(#bindings::sql_verify),
            quote!(::sandpiper_sdk::sql::Connection),
            quote!(#bindings::sql::client::Connection),
        ),
        Kind::Http => (
            quote!(#bindings::http_change),
            quote!(#bindings::http_verify),
            quote!(::sandpiper_sdk::http::Endpoint),
            quote!(#bindings::http::client::Endpoint),
        ),
    };
    let method = |function: &Function, output: TokenStream, convert: fn(Span) -> TokenStream| {
        let name = &function.name;
        let target = quote_spanned!(function.parameters=> #handle::lent(target));
        let context = function
            .takes_context
            .then(|| quote_spanned!(function.parameters=> ::sandpiper_sdk::Context::lent(context)));
        let convert = convert(function.output);
        quote! {
            fn #name(target: &#resource, context: &#bindings::execution::Context)
                -> ::core::result::Result<#output, #bindings::types::Failure>
            {
                let _ = context;
                #convert(#home::#name(#target, #context))
            }
        }
    };
    // At the place of the return type, so that an error about it is shown there.
    let outcome = |place| quote_spanned!(place=> ::sandpiper_sdk::glue::IntoOutcome::into_outcome);
    let apply = method(&functions.apply, quote!(()), outcome);
    let rollback = method(&functions.rollback, quote!(()), outcome);
    let verify = functions.verify.as_ref().map(|function| {
        let verdict = |place| quote_spanned!(place=> ::sandpiper_sdk::glue::IntoVerdict::into_verdict);
        let verify = method(function, quote!(::sandpiper_sdk::Verdict), verdict);
        quote! {
            impl #verifier::Guest for SandpiperChange { #verify }
            #[cfg(target_family = "wasm")]
            #verifier::export!(SandpiperChange with_types_in #verifier);
            #[cfg(not(target_family = "wasm"))]
            const _: () = {
                let _ = <SandpiperChange as #verifier::Guest>::verify;
            };
        }
    });
    quote! {
        const _: () = {
            static DESCRIPTION: ::sandpiper_sdk::glue::Description = #description;

            struct SandpiperChange;

            impl #bindings::description::Guest for SandpiperChange {
                fn describe() -> #bindings::types::ChangeInfo {
                    DESCRIPTION.to_info()
                }
            }
            #[cfg(target_family = "wasm")]
            #bindings::description::export!(SandpiperChange with_types_in #bindings::description);

            impl #change::Guest for SandpiperChange { #apply #rollback }
            #[cfg(target_family = "wasm")]
            #change::export!(SandpiperChange with_types_in #change);

            // Outside of a component nothing is exported, and an editor would call all of it unused.
            #[cfg(not(target_family = "wasm"))]
            const _: () = {
                let _ = <SandpiperChange as #bindings::description::Guest>::describe;
                let _ = <SandpiperChange as #change::Guest>::apply;
                let _ = <SandpiperChange as #change::Guest>::rollback;
            };

            #verify
        };
    }
}

fn description(arguments: &Arguments) -> TokenStream {
    let Arguments { id, author, target_system, uses, .. } = arguments;
    let description = option(arguments.description.as_ref().map(|text| quote!(#text)));
    let transactional = option(arguments.transactional.map(|value| quote!(#value)));
    let recovery = option(arguments.recovery.as_deref().map(|word| match word {
        "always-retry" => quote!(::sandpiper_sdk::glue::DeclaredRecovery::AlwaysRetry),
        _ => quote!(::sandpiper_sdk::glue::DeclaredRecovery::ManualIntervention),
    }));
    let cadence = option(arguments.cadence.as_deref().map(|word| match word {
        "always" => quote!(::sandpiper_sdk::glue::DeclaredCadence::Always),
        "on-change" => quote!(::sandpiper_sdk::glue::DeclaredCadence::OnChange),
        _ => quote!(::sandpiper_sdk::glue::DeclaredCadence::Once),
    }));
    let labels = pairs(&arguments.labels);
    let options = pairs(&arguments.options);
    quote! {
        ::sandpiper_sdk::glue::Description {
            id: #id,
            author: #author,
            target_system: #target_system,
            description: #description,
            transactional: #transactional,
            recovery: #recovery,
            cadence: #cadence,
            uses: &[#(#uses),*],
            labels: #labels,
            options: #options,
        }
    }
}

fn option(value: Option<TokenStream>) -> TokenStream {
    value.map_or_else(
        || quote!(::core::option::Option::None),
        |value| quote!(::core::option::Option::Some(#value)),
    )
}

fn pairs(pairs: &[(String, String)]) -> TokenStream {
    let pairs = pairs.iter().map(|(name, value)| quote!((#name, #value)));
    quote!(&[#(#pairs),*])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(item: TokenStream) -> Result<String> {
        let arguments = quote!(id = "a", author = "b", target_system = "c");
        change(arguments, item).map(|tokens| tokens.to_string().replace(' ', ""))
    }

    fn problems(item: TokenStream) -> Vec<String> {
        expand(item).unwrap_err().into_iter().map(|error| error.to_string()).collect()
    }

    #[test]
    fn a_module_on_a_connection_exports_a_sql_change() {
        let text = expand(quote! {
            mod change {
                fn apply(db: &Connection, ctx: &Context) -> Result { Ok(()) }
                fn rollback(db: &sandpiper_sdk::sql::Connection) -> Result { Ok(()) }
            }
        })
        .unwrap();
        assert!(text.contains("bindings::description::export!("));
        assert!(text.contains("bindings::sql_change::export!("));
        assert!(!text.contains("_verify::export!("));
        assert!(text.contains(
            "self::apply(::sandpiper_sdk::sql::Connection::lent(target),::sandpiper_sdk::Context::lent(context))"
        ));
        assert!(text.contains("self::rollback(::sandpiper_sdk::sql::Connection::lent(target),)"));
    }

    #[test]
    fn an_impl_block_on_an_endpoint_with_verify_exports_an_http_change_with_verify() {
        let text = expand(quote! {
            impl Queues {
                fn apply(api: &http::Endpoint) -> Result { Ok(()) }
                fn rollback(api: &http::Endpoint) -> Result { Ok(()) }
                fn verify(api: &http::Endpoint, ctx: &Context) -> Result<Verdict> { Ok(Verdict::Unknown) }
            }
        })
        .unwrap();
        assert!(text.contains("bindings::http_change::export!("));
        assert!(text.contains("bindings::http_verify::export!("));
        assert!(text.contains("<Queues>::apply(::sandpiper_sdk::http::Endpoint::lent(target),)"));
    }

    #[test]
    fn the_description_holds_what_the_attribute_says() {
        let arguments = quote! {
            id = "a", author = "b", target_system = "c", recovery = "always-retry", cadence = "on-change",
            uses = ["crm"], labels = { team = "orders" }, retry = "3"
        };
        let item = quote!(
            mod change {
                fn apply(db: &Connection) {}
                fn rollback(db: &Connection) {}
            }
        );
        let text = change(arguments, item).unwrap().to_string().replace(' ', "");
        for part in [
            "id:\"a\"",
            "recovery:::core::option::Option::Some(::sandpiper_sdk::glue::DeclaredRecovery::AlwaysRetry)",
            "cadence:::core::option::Option::Some(::sandpiper_sdk::glue::DeclaredCadence::OnChange)",
            "transactional:::core::option::Option::None",
            "uses:&[\"crm\"]",
            "labels:&[(\"team\",\"orders\")]",
            "options:&[(\"retry\",\"3\")]",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn a_missing_apply_is_told_with_how_to_write_it() {
        let problems = problems(quote!(
            mod change {
                fn rollback(db: &Connection) -> Result {
                    Ok(())
                }
            }
        ));
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0]
                .starts_with("`apply` is missing; write `pub fn apply(db: &Connection, ctx: &Context)")
        );
    }

    #[test]
    fn a_missing_rollback_is_told_with_the_argument_of_apply() {
        let problems = problems(quote!(
            mod change {
                fn apply(api: &Endpoint) -> Result {
                    Ok(())
                }
            }
        ));
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("`pub fn rollback(api: &Endpoint, ctx: &Context) -> Result { .. }`"));
        assert!(problems[0].contains("Error::irreversible"));
    }

    #[test]
    fn the_attribute_and_the_functions_are_checked_together() {
        let item = quote!(
            mod change {
                fn apply(db: &Connection) -> Result {
                    Ok(())
                }
            }
        );
        let error = change(quote!(id = "a", author = "b"), item).unwrap_err();
        let problems: Vec<_> = error.into_iter().map(|error| error.to_string()).collect();
        assert_eq!(problems.len(), 2);
        assert!(problems[0].starts_with("`target_system` is missing"));
        assert!(problems[1].starts_with("`rollback` is missing"));
    }

    #[test]
    fn a_wrong_target_system_is_told_once() {
        for argument in
            [quote!(db: &mut Connection), quote!(db: Connection), quote!(db: &Database), quote!(&self)]
        {
            let problems = problems(quote! {
                mod change {
                    fn apply(#argument) -> Result { Ok(()) }
                    fn rollback(db: &Connection) -> Result { Ok(()) }
                }
            });
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].contains("`&sql::Connection` or `&http::Endpoint`"), "{problems:?}");
        }
    }

    #[test]
    fn rollback_and_verify_take_what_apply_takes() {
        let problems = problems(quote! {
            mod change {
                fn apply(db: &Connection) -> Result { Ok(()) }
                fn rollback(api: &Endpoint) -> Result { Ok(()) }
                fn verify(db: &Connection, name: &str) -> Result<bool> { Ok(true) }
            }
        });
        assert_eq!(
            problems,
            [
                "the arguments of `rollback` are `db: &Connection, ctx: &Context`; `ctx` may be left out",
                "the arguments of `verify` are `db: &Connection, ctx: &Context`; `ctx` may be left out",
            ]
        );
    }

    #[test]
    fn a_function_is_neither_async_nor_generic() {
        let problems = problems(quote! {
            mod change {
                async fn apply(db: &Connection) -> Result { Ok(()) }
                fn rollback<T>(db: &Connection) -> Result { Ok(()) }
            }
        });
        assert_eq!(problems.len(), 2);
        assert!(problems[0].starts_with("`apply` is not `async`"));
        assert_eq!(problems[1], "`rollback` takes no generic parameters");
    }

    #[test]
    fn another_item_is_told_what_the_attribute_stands_on() {
        assert!(
            problems(quote!(
                fn apply() {}
            ))[0]
                .starts_with("this stands on a module")
        );
        assert!(
            problems(quote!(
                mod change;
            ))[0]
                .starts_with("write the module here")
        );
        assert!(problems(quote!(impl Change for Queues {}))[0].starts_with("write `impl Type { .. }`"));
    }
}
