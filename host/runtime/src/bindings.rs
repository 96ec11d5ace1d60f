//! What wasmtime makes of our WIT: the interfaces that the host lends, and those that guests export.

wasmtime::component::bindgen!({
    path: "../../wit",
    inline: "
        package sandpiper:sandbox;

        world sandbox {
            import sandpiper:change/execution@0.1.0;
            import sandpiper:sql/client@0.1.0;
            import sandpiper:http/client@0.1.0;

            export sandpiper:change/description@0.1.0;
            export sandpiper:change/template@0.1.0;
            export sandpiper:change/language@0.1.0;

            export sandpiper:sql/change@0.1.0;
            export sandpiper:sql/verify@0.1.0;
            export sandpiper:sql/runner@0.1.0;
            export sandpiper:sql/step-verifier@0.1.0;
            export sandpiper:sql/source-runner@0.1.0;

            export sandpiper:http/change@0.1.0;
            export sandpiper:http/verify@0.1.0;
            export sandpiper:http/runner@0.1.0;
            export sandpiper:http/step-verifier@0.1.0;
            export sandpiper:http/source-runner@0.1.0;
        }
    ",
    world: "sandpiper:sandbox/sandbox",
    with: {
        "sandpiper:change/execution.context": crate::execution::ContextHandle,
        "sandpiper:sql/client.connection": crate::capability::sql::ConnectionHandle,
        "sandpiper:sql/client.cursor": crate::capability::sql::CursorHandle,
        "sandpiper:http/client.endpoint": crate::capability::http::EndpointHandle,
    },
    imports: {
        "sandpiper:change/execution.[method]context.save-checkpoint": async | trappable,
        "sandpiper:change/execution.[method]context.load-checkpoint": async | trappable,
        "sandpiper:change/execution": trappable,
        "sandpiper:sql/client.[method]connection.dialect": trappable,
        "sandpiper:sql/client.[method]cursor.columns": trappable,
        default: async | trappable,
    },
    exports: { default: async },
    trappable_error_type: {
        "sandpiper:sql/client.error" => crate::capability::sql::Failure,
        "sandpiper:http/client.error" => crate::capability::http::Failure,
    },
    require_store_data_send: true,
});
