//! A change that imports `wasi:http`, which the host refuses.

mod support;

mod web {
    wit_bindgen::generate!({
        inline: "package test:guests;
            world web { import wasi:http/types@0.2.0; }
            package wasi:http@0.2.0 {
                interface types {
                    resource fields { constructor(); }
                }
            }",
        generate_all,
    });
}

support::bare_change!(support::info, |_, _| {
    drop(web::wasi::http::types::Fields::new());
    Ok(())
});
