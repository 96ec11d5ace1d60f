//! A change that imports a capability that no host of this version has.

mod support;

mod bucket {
    wit_bindgen::generate!({
        inline: "package test:guests;
            world bucket { import sandpiper:blob/client@0.1.0; }
            package sandpiper:blob@0.1.0 {
                interface client { put: func(name: string, bytes: list<u8>); }
            }",
        generate_all,
    });
}

support::bare_change!(support::info, |_, _| {
    bucket::sandpiper::blob::client::put("name", b"bytes");
    Ok(())
});
