//! A component of another world: it exports nothing of ours, and imports nothing of ours.

wit_bindgen::generate!({
    inline: "package elsewhere:tools@1.0.0;
        interface greeter { greet: func(name: string) -> string; }
        world tool { export greeter; }",
});

struct Tool;

impl exports::elsewhere::tools::greeter::Guest for Tool {
    fn greet(name: String) -> String {
        format!("hello {name}")
    }
}

#[cfg(target_family = "wasm")]
export!(Tool);
