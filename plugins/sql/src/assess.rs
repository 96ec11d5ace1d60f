//! `assess`: what is wrong with a step, and whether it can run inside a transaction.

use sandpiper_sql_syntax::{Dialect, Statement, classify, names_internal_object};

use crate::bindings::{Action, Assessment, Place, Problem, Step};
use crate::input::Input;
use crate::verify;

/// Assesses a step without any database.
pub(crate) fn assess(step: &Step) -> Assessment {
    let input = match Input::read(step) {
        Ok(input) => input,
        Err(problems) => {
            return Assessment { problems, transactional: true };
        }
    };
    match step.action {
        Action::Apply | Action::Rollback => assess_run(&input),
        Action::Verify => Assessment {
            problems: verify::only_query(&input).err().into_iter().collect(),
            transactional: true,
        },
    }
}

fn assess_run(input: &Input<'_>) -> Assessment {
    let statements = match input.statements() {
        Ok(statements) => statements,
        // The database is to read the text as it stands, and nobody else can tell what is in it.
        Err(_) if !input.configuration.split_statements => return sound(false),
        Err(problem) => {
            return Assessment { problems: vec![problem], transactional: true };
        }
    };
    let fits = |statement: &str| classify(statement, input.dialect).transaction.fits_in_transaction();
    let transactional = statements.iter().all(|statement| fits(statement.text));
    let problems = statements.iter().filter_map(|statement| refused(statement, input.dialect)).collect();
    Assessment { problems, transactional }
}

/// What the host refuses whatever the mode is: better said before anything runs.
fn refused(statement: &Statement<'_>, dialect: Dialect) -> Option<Problem> {
    let first = statement.text.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    let attaches = ["ATTACH", "DETACH"].into_iter().any(|keyword| first.eq_ignore_ascii_case(keyword));
    let (message, help) = if dialect == Dialect::Sqlite && attaches {
        (
            "a change touches its target system only: `ATTACH` and `DETACH` are refused".to_owned(),
            "name a second system in `uses`, or write a change of its own for it",
        )
    } else {
        let name = names_internal_object(statement.text, dialect)?;
        (format!("`{name}` belongs to Sandpiper itself"), "give your own objects another name")
    };
    let offset = u32::try_from(statement.offset).ok();
    let place = Place { pointer: String::new(), offset };
    Some(Problem { place, message, help: Some(help.to_owned()) })
}

fn sound(transactional: bool) -> Assessment {
    Assessment { problems: Vec::<Problem>::new(), transactional }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place;
    use crate::tests::step;

    fn on(kind: &str, text: &str) -> Assessment {
        assess(&Step { target_kind: kind.into(), ..step(text) })
    }

    fn unsplit(text: &str) -> Step {
        Step { configuration: r#"{"splitStatements":false}"#.into(), ..step(text) }
    }

    #[test]
    fn what_the_host_refuses_in_every_mode_is_a_problem_at_its_statement() {
        for text in
            ["SELECT 1; attach 'x.db' AS x", "SELECT 1; DETACH x", "SELECT 1; DROP TABLE sandpiper_entry"]
        {
            let problems = on("sqlite", text).problems;
            assert_eq!(problems.len(), 1, "{text}");
            assert_eq!(problems[0].place.offset, Some(10), "{text}");
        }
        assert!(on("sqlite", "SELECT 'ATTACH', 'sandpiper_entry' AS attach").problems.is_empty());
    }

    #[test]
    fn plain_statements_run_inside_a_transaction() {
        for text in [
            "",
            "-- BEGIN\n",
            "CREATE TABLE a (b); INSERT INTO a VALUES ('COMMIT');",
            "SAVEPOINT a; RELEASE a",
        ] {
            assert_eq!(on("sqlite", text), sound(true), "{text}");
        }
    }

    #[test]
    fn one_statement_that_fits_no_transaction_makes_the_step_direct() {
        for (kind, text) in [
            ("sqlite", "SELECT 1; VACUUM"),
            ("sqlite", "BEGIN; DELETE FROM a; COMMIT"),
            ("postgres", "SELECT 1; CREATE INDEX CONCURRENTLY i ON a (b)"),
            ("mysql", "CREATE TABLE a (b INT)"),
            ("mariadb", "CREATE TABLE a (b INT)"),
        ] {
            assert_eq!(on(kind, text), sound(false), "{kind}: {text}");
        }
    }

    #[test]
    fn a_text_that_cannot_be_split_is_a_problem_at_its_place() {
        let assessment = on("sqlite", "SELECT 1; SELECT 'unfinished");
        assert_eq!(assessment.problems.len(), 1);
        assert_eq!(assessment.problems[0].place, place::at(17));
        assert!(assessment.problems[0].help.is_some());
    }

    #[test]
    fn an_unsplit_text_is_left_to_the_database() {
        assert_eq!(assess(&unsplit("SELECT 1; SELECT 2")), sound(true));
        assert_eq!(assess(&unsplit("SELECT 1; VACUUM")), sound(false));
        assert_eq!(assess(&unsplit("SELECT 'unfinished")), sound(false));
    }

    #[test]
    fn a_payload_that_is_no_string_is_a_problem() {
        let assessment = assess(&Step { payload: "[1]".into(), ..step("") });
        assert_eq!(assessment.problems.len(), 1);
        assert_eq!(assessment.problems[0].message, "the SQL is an array, but must be a string");
    }

    #[test]
    fn a_verify_is_one_query_and_never_decides_the_mode() {
        let of_verify = |text| assess(&Step { action: Action::Verify, ..step(text) });
        for text in [
            "SELECT 1",
            "SELECT EXISTS (SELECT 1 FROM a);",
            "WITH a AS (SELECT 1) SELECT count(*) = 1 FROM a",
        ] {
            assert_eq!(of_verify(text), sound(true), "{text}");
        }
        for (text, offset) in [
            ("", None),
            ("-- nothing", None),
            ("SELECT 1;\nSELECT 2", Some(10)),
            (" DELETE FROM a", Some(1)),
            ("SELECT 'unfinished", Some(7)),
        ] {
            let assessment = of_verify(text);
            assert_eq!(assessment.problems.len(), 1, "{text}");
            assert_eq!(assessment.problems[0].place.offset, offset, "{text}");
            assert!(assessment.transactional);
        }
    }
}
