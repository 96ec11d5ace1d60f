//! The item that an attribute stands on: a module, or an `impl` block of a type.

use crate::functions::{Functions, Of};
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Error, ImplItem, Item, ItemImpl, ItemMod, Result, parse_quote};

/// The item, and the glue that makes a component of its functions. `glue` is given what the attribute says, the
/// functions, and the path to them.
pub(crate) fn with_glue<A>(
    of: Of,
    arguments: Result<A>,
    item: TokenStream,
    glue: impl FnOnce(&A, &Functions, &TokenStream) -> TokenStream,
) -> Result<TokenStream> {
    // An item that is broken is told by the compiler, in its own words.
    match syn::parse2(item)? {
        Item::Mod(module) => in_module(of, arguments, module, glue),
        Item::Impl(block) => beside_impl(of, arguments, &block, glue),
        _ => {
            let name = match of {
                Of::Change => "change",
                Of::Template => "template",
            };
            let message = format!(
                "this stands on a module (`mod {name} {{ .. }}`) or on an `impl` block that holds `apply` and `rollback`"
            );
            Err(Error::new(Span::call_site(), message))
        }
    }
}

/// The glue goes into the module, where it sees private functions as well.
fn in_module<A>(
    of: Of,
    arguments: Result<A>,
    mut module: ItemMod,
    glue: impl FnOnce(&A, &Functions, &TokenStream) -> TokenStream,
) -> Result<TokenStream> {
    let place = module.ident.span();
    let Some((_, items)) = &mut module.content else {
        return Err(Error::new(place, "write the module here, with `{ .. }`, not in a file of its own"));
    };
    let signatures = items.iter().filter_map(|item| match item {
        Item::Fn(function) => Some(&function.sig),
        _ => None,
    });
    let (arguments, functions) = both(arguments, Functions::find(of, signatures, place))?;
    let glue = glue(&arguments, &functions, &quote!(self));
    items.push(parse_quote!(#glue));
    Ok(quote!(#module))
}

fn beside_impl<A>(
    of: Of,
    arguments: Result<A>,
    block: &ItemImpl,
    glue: impl FnOnce(&A, &Functions, &TokenStream) -> TokenStream,
) -> Result<TokenStream> {
    let place = block.impl_token.span;
    if block.trait_.is_some() || !block.generics.params.is_empty() {
        return Err(Error::new(
            place,
            "write `impl Type { .. }`, without a trait and without generic parameters",
        ));
    }
    let signatures = block.items.iter().filter_map(|item| match item {
        ImplItem::Fn(function) => Some(&function.sig),
        _ => None,
    });
    let (arguments, functions) = both(arguments, Functions::find(of, signatures, place))?;
    let this = &block.self_ty;
    let glue = glue(&arguments, &functions, &quote!(<#this>));
    Ok(quote!(#block #glue))
}

/// What is wrong with the attribute and with the functions is told at once.
fn both<A>(arguments: Result<A>, functions: Result<Functions>) -> Result<(A, Functions)> {
    match (arguments, functions) {
        (Ok(arguments), Ok(functions)) => Ok((arguments, functions)),
        (Err(mut error), Err(further)) => {
            error.combine(further);
            Err(error)
        }
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
    }
}
