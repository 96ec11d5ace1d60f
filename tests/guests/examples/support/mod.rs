//! A change by hand: exports that the attribute of the SDK would never write.

/// What a change describes itself as, if it is an honest one.
pub fn info() -> sandpiper_sdk::bindings::types::ChangeInfo {
    sandpiper_sdk::bindings::types::ChangeInfo {
        id: "test-guest-bare-000000000000000000000001".to_owned(),
        author: "sandpiper-tests".to_owned(),
        target_system: "target".to_owned(),
        description: None,
        transactional: None,
        recovery: None,
        cadence: None,
        uses: Vec::new(),
        labels: Vec::new(),
        options: Vec::new(),
    }
}

/// Exports `description` with the given function, and a change that does nothing but what `apply` says.
#[rustfmt::skip] // It would take back the indentation of the two `export!`.
macro_rules! bare_change {
    ($describe:expr) => {
        crate::support::bare_change!($describe, |_, _| Ok(()));
    };
    ($describe:expr, $apply:expr) => {
        const _: () = {
            use sandpiper_sdk::bindings::{description, execution, sql, sql_change, types};

            type Apply = fn(&sql::client::Connection, &execution::Context) -> Result<(), types::Failure>;

            // Not every description begins with the honest one.
            const _: fn() -> types::ChangeInfo = crate::support::info;

            struct Bare;

            impl description::Guest for Bare {
                fn describe() -> types::ChangeInfo {
                    $describe()
                }
            }

            impl sql_change::Guest for Bare {
                fn apply(
                    db: &sql::client::Connection,
                    ctx: &execution::Context,
                ) -> Result<(), types::Failure> {
                    let apply: Apply = $apply;
                    apply(db, ctx)
                }

                fn rollback(
                    _: &sql::client::Connection,
                    _: &execution::Context,
                ) -> Result<(), types::Failure> {
                    Ok(())
                }
            }

            #[cfg(target_family = "wasm")]
            const _: () = {
                description::export!(Bare with_types_in description);
                sql_change::export!(Bare with_types_in sql_change);
            };
            #[cfg(not(target_family = "wasm"))]
            const _: () = {
                let _ = <Bare as description::Guest>::describe;
                let _ = <Bare as sql_change::Guest>::apply;
                let _ = <Bare as sql_change::Guest>::rollback;
            };
        };
    };
}

pub(crate) use bare_change;
