//! Where a story is played: a project, and what its target is: a file of the project, or a database on a server.

use std::ops::Deref;

use sandpiper_tests::{Project, open, rows};

/// A database on a server, for looking and for putting things right by hand.
pub(crate) trait Database: Send + Sync {
    /// The rows of statements in it, columns joined by `|`.
    fn rows(&self, statements: &str) -> Vec<String>;
}

/// A project and its target.
pub(crate) struct Scene {
    project: Project,
    database: Option<Box<dyn Database>>,
}

impl Scene {
    /// A project whose target is a database on a server.
    pub(crate) fn on(database: Box<dyn Database>, project: Project) -> Self {
        Self { project, database: Some(database) }
    }

    /// The rows of a query of the target; none where its table is not there. On a server the table has to be.
    pub(crate) fn look(&self, query: &str) -> Vec<String> {
        match &self.database {
            Some(database) => database.rows(query),
            None if !self.has("target.db") => Vec::new(),
            None if open(&self.path("target.db")).prepare(query).is_err() => Vec::new(),
            None => rows(&self.path("target.db"), query),
        }
    }

    /// Does something by hand in the target.
    pub(crate) fn execute(&self, statements: &str) {
        match &self.database {
            Some(database) => drop(database.rows(statements)),
            None if !self.has("target.db") => {}
            None => open(&self.path("target.db")).execute_batch(statements).unwrap(),
        }
    }
}

impl From<Project> for Scene {
    fn from(project: Project) -> Self {
        Self { project, database: None }
    }
}

impl Deref for Scene {
    type Target = Project;

    fn deref(&self) -> &Project {
        &self.project
    }
}
