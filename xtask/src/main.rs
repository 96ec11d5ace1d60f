//! `cargo xtask`: everything that this repository does to itself. Each command does its own set-up.

mod bench;
mod demo;
mod guests;
mod image;
mod languages;
mod plugin;
mod released;
mod setup;
mod shell;
mod test;
mod wit;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  demo             applies the quickstart, and shows what became of it
  test             everything that CI runs: set-up, format, lints, tests, guests
  setup            installs what the tests need
  wit              checks that the WIT parses, for every world, and that what was released is as it was
  guests           builds the components that tests and examples run
  image            builds the container image, and runs what is in it
  plugin javascript
                   builds the language plugin that runs `.js` and `.ts` files: target/plugins/javascript.wasm
  plugin python    builds the one that runs `.py` files: target/plugins/python.wasm
  bench noop       times a run with nothing to do over 1,000 changes
  bench apply      times applying 1,000 changes
  bench languages  sizes, times and memory of one change in every language, as the table of docs/guests.md
";

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["demo"] => demo::run(),
        ["test"] => test::run(),
        ["setup"] => setup::run(),
        ["wit"] => wit::run(),
        ["guests"] => guests::run(),
        ["image"] => image::run(),
        ["plugin", "javascript"] => plugin::javascript(),
        ["plugin", "python"] => plugin::python(),
        ["bench", "noop"] => bench::noop(),
        ["bench", "apply"] => bench::apply_all(),
        ["bench", "languages"] => bench::languages(),
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        other => bail!("`{}` is no command of xtask\n\n{USAGE}", other.join(" ")),
    }
}
