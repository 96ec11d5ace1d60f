//! The stories of `examples/`, each told by the binary.

mod application;
mod image;
mod manifests;
mod template;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use sandpiper_tests::{Postgres, Project, copy_folder, language_plugin, open, rows};

/// A copy of an example, where a run can leave what it makes.
fn example(name: &str) -> Project {
    let project = Project::empty();
    copy_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name), project.folder());
    project
}

/// Lets a project be built with the toolchain that builds these tests.
fn allow_cargo(project: &mut Project) {
    let home = std::env::var("HOME").unwrap();
    for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        let value = std::env::var(name).unwrap_or_else(|_| format!("{home}/{folder}"));
        project.set_variable(name, &value);
    }
    if let Ok(toolchain) = std::env::var("RUSTUP_TOOLCHAIN") {
        project.set_variable("RUSTUP_TOOLCHAIN", &toolchain);
    }
}

#[test]
fn the_quickstart_fails_once_is_mended_and_is_then_applied_as_a_whole() {
    let mut project = example("quickstart");
    allow_cargo(&mut project);
    let built = project.json("build").exits(0);
    assert!(built.at("/built/0/size").as_u64().is_some_and(|size| size < 100_000), "{built}");
    let failed = project.json("apply").exits(1);
    assert_eq!(failed.of("fill-status", "outcome"), "rolled-back");
    assert_eq!(failed.of("normalise-customers", "outcome"), "not-reached");
    let place = failed.change("fill-status")["error"].clone();
    assert_eq!((&place["file"], &place["line"]), (&"changes/data/_0002__FillStatus.sql".into(), &5.into()));

    let mended = project.read("mended/_0002__FillStatus.sql");
    project.write("changes/data/_0002__FillStatus.sql", mended);
    let applied = project.json("apply").exits(0);
    assert_eq!((applied.stage("schema"), applied.stage("data")), ("complete".into(), "complete".into()));
    let open_orders = "SELECT count(*) FROM orders WHERE status IS NULL OR currency <> 'EUR' OR customer <> lower(customer)";
    let left =
        open(&project.path("orders.db")).query_row(open_orders, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(left, 0);
    assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
    assert!(project.json("build").exits(0).at("/built/0/unchanged").as_bool().unwrap());
    assert_eq!(project.json("apply").exits(0).counts()[0], 0);
}

#[test]
fn the_library_keeps_its_audit_in_its_own_database() {
    let database = Postgres::shared().database();
    let mut project = example("postgres");
    project.set_variable("LIBRARY_DB_URL", &database.url());
    let planned = project.json("plan").exits(0);
    assert_eq!(planned.change("index-tags")["mode"], "direct");
    let applied = project.json("apply").exits(0);
    assert_eq!(applied.of("create-books", "mode"), "shared");
    assert_eq!(database.rows("SELECT title FROM books WHERE tags @> '{birds}'"), ["Sandpipers of the North"]);
    assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
    assert_eq!(project.json("apply").exits(0).counts()[0], 0);
}

/// The catalogue of the example, which ends with the test.
struct Catalogue(Child);

impl Drop for Catalogue {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_shop_copies_what_is_in_the_catalogue() {
    let mut project = example("http-api");
    allow_cargo(&mut project);
    let token = "token-of-this-test";
    let mut python = Command::new("python3");
    python
        .args(["api.py", "0"])
        .current_dir(project.folder())
        .env("CATALOGUE_TOKEN", token)
        .stdout(Stdio::piped());
    let mut catalogue = Catalogue(python.spawn().expect("python3 is there: apt-get install python3"));
    let mut line = String::new();
    BufReader::new(catalogue.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().rsplit_once(' ').unwrap().1;
    project.set_variable("CATALOGUE_URL", url);
    project.set_variable("CATALOGUE_TOKEN", token);
    project.json("build").exits(0);
    let applied = project.json("apply").exits(0);
    assert_eq!(applied.of("add-rain-cover", "mode"), "direct");
    assert_eq!(applied.of("copy-products", "mode"), "shared");
    let copied = |project: &Project| -> Vec<String> {
        sandpiper_tests::rows(&project.path("shop.db"), "SELECT id, name, price FROM product ORDER BY id")
    };
    assert_eq!(copied(&project), ["1|Field guide|24.90", "2|Binoculars|189.00", "3|Rain cover|12.50"]);
    assert_eq!(project.json("status --verify --check").exits(0).at("/drift"), serde_json::json!([]));
    let calls = project.json("audit show copy-products --calls").exits(0);
    assert_eq!(calls.at("/calls/1/statement"), "GET products");
    project.json("undo --last 2").exits(0);
    assert_eq!(
        sandpiper_tests::schema(&project.path("shop.db")).iter().filter(|it| it.contains("product")).count(),
        0
    );
    // The very product that the change made is gone: making it again is no conflict.
    assert_eq!(project.json("apply").exits(0).of("add-rain-cover", "outcome"), "applied");
    assert!(!project.run("audit show add-rain-cover --calls").stdout.contains(token));
}

#[test]
fn source_files_with_and_without_types_are_applied_and_taken_back_without_them() {
    let project = example("source-files");
    project.write("plugins/javascript.wasm", std::fs::read(language_plugin("javascript")).unwrap());
    project.json("validate").exits(0);
    let applied = project.run("apply -v").exits(0);
    assert!(applied.to_string().contains("the address of customer 3 has no city: Harbour"), "{applied}");
    let cities = "SELECT group_concat(city, ' ') FROM customers";
    let seen = |project: &Project| -> Option<String> {
        open(&project.path("shop.db")).query_row(cities, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(seen(&project).as_deref(), Some("Emden Norden"));
    assert_eq!(project.json("status --verify").exits(0).at("/drift"), serde_json::json!([]));
    let initials =
        sandpiper_tests::rows(&project.path("shop.db"), "SELECT initials FROM customers ORDER BY id");
    assert_eq!(initials, ["AD", "BK", "CR"]);
    project.remove("changes/_0002__SplitCities.js").remove("changes/_0003__AddInitials.ts");
    project.json("undo --to create-customers").exits(0);
    assert_eq!(seen(&project), None);
}

#[test]
fn the_shop_of_each_tenant_is_made_with_its_own_plan() {
    let project = example("tenants");
    let applied = project.json("apply --canary 1").exits(0);
    let counts = |at: usize| applied.at(&format!("/tenants/{at}/counts/applied"));
    assert_eq!([counts(0), counts(1), counts(2)], [2, 3, 2].map(serde_json::Value::from));
    let status = project.json("status --tenant globex").exits(0);
    assert_eq!(status.of("large-discount", "state"), "applied");
    let plans = "SELECT value FROM settings ORDER BY name";
    assert_eq!(rows(&project.path("db/globex.db"), plans), ["10", "large", "globex"]);
    assert_eq!(rows(&project.path("db/acme.db"), plans), ["small", "acme"]);
    let text = project.read("sandpiper.yaml").replace("  - initech\n", "  - initech\n  - umbrella\n");
    project.write("sandpiper.yaml", text);
    assert_eq!(project.json("apply").exits(0).at("/counts/applied"), 2);
}
