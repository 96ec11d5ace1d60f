//! The guest projects that `new` makes: what stands in each file, for every language.

use std::path::{Path, PathBuf};

/// What a new change is called.
pub(super) struct Details {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) author: String,
    pub(super) target_system: String,
}

/// Where the SDK of a project comes from.
const EDITOR_NOTE: &str = "`sandpiper build` brings the SDK of its own release";

impl Details {
    /// A text as a literal of a language that quotes as JSON does.
    fn literals(&self) -> [String; 3] {
        [&self.id, &self.author, &self.target_system]
            .map(|text| serde_json::Value::from(text.as_str()).to_string())
    }

    pub(super) fn rust(&self, folder: &Path) -> Vec<(PathBuf, String)> {
        let Self { id, author, target_system, .. } = self;
        let manifest = format!(
            "[package]\nname = \"{package}\"\nversion = \"0.1.0\"\nedition = \"2024\"\npublish = false\n\n\
             [lib]\ncrate-type = [\"cdylib\"]\n\n\
             [dependencies]\n# {EDITOR_NOTE}.\nsandpiper-sdk = \"{version}\"\n\n\
             # 60 kB instead of 2.5 MB.\n[profile.release]\nopt-level = \"s\"\nlto = true\ncodegen-units = 1\n\
             panic = \"abort\"\nstrip = true\n\n\
             # A project of its own, whatever lies around it.\n[workspace]\n",
            package = package_name(id),
            version = env!("CARGO_PKG_VERSION"),
        );
        let code = format!(
            "//! What the change `{id}` does.\n\n\
             #[sandpiper_sdk::change(id = {id:?}, author = {author:?}, target_system = {target_system:?})]\n\
             mod change {{\n    use sandpiper_sdk::prelude::*;\n\n    \
             pub fn apply(db: &Connection) -> Result {{\n        \
             db.execute(\"SELECT 1\", params![])?;\n        Ok(())\n    }}\n\n    \
             pub fn rollback(db: &Connection) -> Result {{\n        \
             db.execute(\"SELECT 1\", params![])?;\n        Ok(())\n    }}\n}}\n",
        );
        vec![(folder.join("Cargo.toml"), manifest), (folder.join("src/lib.rs"), code)]
    }

    pub(super) fn javascript(&self, folder: &Path) -> Vec<(PathBuf, String)> {
        let [id, author, target] = self.literals();
        let code = format!(
            "// What the change {id} does.\n\
             export default {{\n  id: {id},\n  author: {author},\n  targetSystem: {target},\n\n  \
             apply(db, ctx) {{\n    db.execute(\"SELECT 1\");\n  }},\n\n  \
             rollback(db, ctx) {{\n    db.execute(\"SELECT 1\");\n  }},\n}};\n"
        );
        vec![(folder.join("package.json"), self.package_json("change.js")), (folder.join("change.js"), code)]
    }

    pub(super) fn typescript(&self, folder: &Path) -> Vec<(PathBuf, String)> {
        let [id, author, target] = self.literals();
        let code = format!(
            "// What the change {id} does.\n\
             import type {{ SqlChange }} from \"sandpiper-sdk\";\n\n\
             export default {{\n  id: {id},\n  author: {author},\n  targetSystem: {target},\n\n  \
             apply(db, ctx) {{\n    db.execute(\"SELECT 1\");\n  }},\n\n  \
             rollback(db, ctx) {{\n    db.execute(\"SELECT 1\");\n  }},\n}} satisfies SqlChange;\n"
        );
        let compiler = "{\n  \"compilerOptions\": {\n    \"strict\": true, \"noEmit\": true, \"target\": \"es2022\", \
                        \"module\": \"esnext\",\n    \"moduleResolution\": \"bundler\", \"skipLibCheck\": true\n  }\n}\n";
        vec![
            (folder.join("package.json"), self.package_json("change.ts")),
            (folder.join("tsconfig.json"), compiler.to_owned()),
            (folder.join("change.ts"), code),
        ]
    }

    fn package_json(&self, main: &str) -> String {
        format!(
            "{{\n  \"name\": \"{package}\",\n  \"private\": true,\n  \"type\": \"module\",\n  \"main\": \"{main}\",\n  \
             \"devDependencies\": {{\n    \"@bytecodealliance/componentize-js\": \"0.23.0\",\n    \
             \"esbuild\": \"0.28.2\"\n  }}\n}}\n",
            package = package_name(&self.id)
        )
    }

    pub(super) fn python(&self, folder: &Path) -> Vec<(PathBuf, String)> {
        let [id, author, target] = self.literals();
        let manifest = format!(
            "[project]\nname = \"{package}\"\nversion = \"0.1.0\"\nrequires-python = \">=3.11\"\n\n\
             # {EDITOR_NOTE}.\n[dependency-groups]\ndev = [\"componentize-py==0.25.0\"]\n",
            package = package_name(&self.id)
        );
        let code = format!(
            "\"\"\"What the change does.\"\"\"\n\nfrom sandpiper_sdk import Change, Connection, Context\n\n\n\
             class {class}(Change):\n    id = {id}\n    author = {author}\n    target_system = {target}\n\n    \
             def apply(self, db: Connection, ctx: Context) -> None:\n        db.execute(\"SELECT 1\")\n\n    \
             def rollback(self, db: Connection, ctx: Context) -> None:\n        db.execute(\"SELECT 1\")\n",
            class = self.name
        );
        vec![(folder.join("pyproject.toml"), manifest), (folder.join("change.py"), code)]
    }

    pub(super) fn go(&self, folder: &Path) -> Vec<(PathBuf, String)> {
        let [id, author, target] = self.literals();
        let package = package_name(&self.id);
        let code = format!(
            "// Package change is what the change {id} does.\npackage change\n\nimport (\n\tsandpiper \"sandpiper-sdk\"\n\
             \t\"sandpiper-sdk/sql\"\n)\n\n// Change is what it is.\nvar Change = sandpiper.Change{{\n\tID:           {id},\n\
             \tAuthor:       {author},\n\tTargetSystem: {target},\n}}\n\n\
             // Apply does it.\nfunc Apply(db *sql.Connection, ctx *sandpiper.Context) error {{\n\
             \t_, err := db.Execute(\"SELECT 1\")\n\treturn err\n}}\n\n\
             // Rollback takes it back.\nfunc Rollback(db *sql.Connection, ctx *sandpiper.Context) error {{\n\
             \t_, err := db.Execute(\"SELECT 1\")\n\treturn err\n}}\n"
        );
        let manifest = format!(
            "module {package}\n\ngo 1.24\n\n// {EDITOR_NOTE}.\nrequire sandpiper-sdk v{}\n",
            env!("CARGO_PKG_VERSION")
        );
        vec![(folder.join("go.mod"), manifest), (folder.join("change.go"), code)]
    }

    pub(super) fn c(&self, folder: &Path) -> Vec<(PathBuf, String)> {
        let [id, author, target] = self.literals();
        let code = format!(
            "/* What the change {id} does. */\n#include <sandpiper.h>\n\n\
             SANDPIPER_CHANGE(\n    .id = {id},\n    .author = {author},\n    .target_system = {target})\n\n\
             static const sp_error *apply(sp_connection db, sp_context ctx) {{\n    (void)ctx;\n    \
             return sp_execute(db, \"SELECT 1\", SP_NONE, NULL);\n}}\n\n\
             static const sp_error *rollback(sp_connection db, sp_context ctx) {{\n    (void)ctx;\n    \
             return sp_execute(db, \"SELECT 1\", SP_NONE, NULL);\n}}\n\n\
             SANDPIPER_SQL(apply, rollback)\n"
        );
        vec![(folder.join("change.c"), code)]
    }
}

/// The name of a package: begins with a letter, holds letters, digits and hyphens.
fn package_name(id: &str) -> String {
    let name: String = id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("change-{}", name.trim_matches('-'))
}
