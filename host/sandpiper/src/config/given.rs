//! Variables that are given on the command line, and that nothing names: a mistyped name must not pass in silence.

use sandpiper_engine::fault::Fault;
use sandpiper_engine::suggest::nearest;

use super::{Config, ConfigFile};

impl ConfigFile {
    /// Refuses variables of the command line that nothing can ask for: neither the configuration nor a change has their
    /// name in it. What a component asks for only it knows.
    ///
    /// # Errors
    ///
    /// The first of them, with the name that was meant.
    pub fn check_given(&self, config: &Config) -> Result<(), Fault> {
        let given = || self.overrides().variables.iter().map(|(name, _)| name.as_str());
        for (reserved, option) in [("environment", "--environment NAME"), ("tenant", "--tenant NAME")] {
            if given().any(|name| name == reserved) {
                return Err(Fault::usage(format!("the variable `{reserved}` is set by Sandpiper itself"))
                    .with_help(format!("say `{option}` in place of `--set`")));
            }
        }
        let text = self.text();
        let mut unnamed: Vec<&str> = given().filter(|name| !text.contains(name)).collect();
        if unnamed.is_empty() {
            return Ok(());
        }
        for stage in &config.stages {
            for file in std::fs::read_dir(&stage.location).into_iter().flatten().flatten() {
                let path = file.path();
                if path.extension().is_some_and(|extension| extension == "wasm") {
                    return Ok(());
                }
                let bytes = std::fs::read(&path).unwrap_or_default();
                let text = String::from_utf8_lossy(&bytes);
                unnamed.retain(|name| !text.contains(name));
            }
        }
        let Some(name) = unnamed.first() else { return Ok(()) };
        let known =
            config.variables.keys().map(String::as_str).filter(|known| !given().any(|it| it == *known));
        let help = match nearest(name, known) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!(
                "leave it out; or use it: `${{var:{name}}}` in a change or in the configuration, or a line below \
                 `variables:`"
            ),
        };
        Err(Fault::usage(format!("nothing names the variable `{name}`, which `--set` gives")).with_help(help))
    }
}
