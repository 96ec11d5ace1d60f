//! The page of guarantees names tests: each of them exists.

use std::path::Path;

#[test]
fn every_test_that_the_page_of_guarantees_names_exists() {
    let docs = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs"));
    let page = std::fs::read_to_string(docs.join("guarantees.md")).unwrap();
    let mut named = 0;
    for line in page.lines().filter(|line| line.starts_with("| ") && line.contains(".rs")) {
        // [`name`](file)
        for link in line.split("[`").skip(1) {
            let (name, rest) = link.split_once("`](").expect("a link");
            let (file, _) = rest.split_once(')').expect("a link ends");
            let text =
                std::fs::read_to_string(docs.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            // In a macro they stand deeper.
            let is_there = text.lines().zip(text.lines().skip(1)).any(|(attribute, line)| {
                attribute.trim() == "#[test]" && line.trim_start().starts_with(&format!("fn {name}()"))
            });
            assert!(is_there, "`{name}` is no test of {file}");
            named += 1;
        }
    }
    assert!(named > 20, "only {named} tests are named");
    for number in 1..=9 {
        assert!(page.lines().any(|line| line.starts_with(&format!("| {number} |"))), "guarantee {number}");
    }
}
