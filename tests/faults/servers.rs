//! The same on servers: killed and told to stop at every point, frozen, refused, and several hosts at once on an empty
//! database. What differs from server to server is a [`Kind`].

use sandpiper_tests::{MariaDb, MariaDbDatabase, Postgres, PostgresDatabase, Project};

use crate::crash::{Signal, each, points, run};
use crate::crash_points::{all, killed_at, terminated_at};
use crate::recover::{ends_well, recover};
use crate::scene::{Database, Scene};
use crate::stories::{Person, SQL, Story, inserts};
use crate::{frozen, undo_points};

/// A kind of server, and what is said otherwise to it.
trait Kind: 'static {
    /// As the configuration calls it.
    const NAME: &'static str;

    /// An empty database, and its address.
    fn database() -> (Box<dyn Database>, String);

    /// Makes a store refuse the entries of the change `a` with a state, by a trigger on its table of entries.
    fn refuse(state: &str) -> String;

    /// Takes that back.
    fn accept() -> String;
}

struct OnPostgres;

impl Database for PostgresDatabase<'static> {
    fn rows(&self, statements: &str) -> Vec<String> {
        PostgresDatabase::rows(self, statements)
    }
}

impl Kind for OnPostgres {
    const NAME: &'static str = "postgres";

    fn database() -> (Box<dyn Database>, String) {
        let database = Postgres::shared().database();
        let url = database.url();
        (Box::new(database), url)
    }

    fn refuse(state: &str) -> String {
        format!(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF new.body LIKE '%\"change_id\":\"a\"%' AND new.body LIKE '%\"state\":\"{state}\"%' THEN
                     RAISE EXCEPTION 'no more history';
                 END IF;
                 RETURN new;
             END $$;
             CREATE TRIGGER refuse BEFORE INSERT ON sandpiper.sandpiper_entry FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
    }

    fn accept() -> String {
        "DROP TRIGGER refuse ON sandpiper.sandpiper_entry; DROP FUNCTION refuse()".to_owned()
    }
}

struct OnMariaDb;

impl Database for MariaDbDatabase<'static> {
    fn rows(&self, statements: &str) -> Vec<String> {
        MariaDbDatabase::rows(self, statements)
    }
}

impl Kind for OnMariaDb {
    const NAME: &'static str = "mysql";

    fn database() -> (Box<dyn Database>, String) {
        let database = MariaDb::shared().database();
        let url = database.url();
        (Box::new(database), url)
    }

    fn refuse(state: &str) -> String {
        format!(
            "DELIMITER //\nCREATE TRIGGER refuse BEFORE INSERT ON sandpiper_entry FOR EACH ROW
             IF NEW.body LIKE '%\"change_id\":\"a\"%' AND NEW.body LIKE '%\"state\":\"{state}\"%' THEN
                 SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no more history';
             END IF //"
        )
    }

    fn accept() -> String {
        "DROP TRIGGER refuse".to_owned()
    }
}

/// Where the audit is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Store {
    /// In the target's database.
    Shared,
    /// In another database of the server.
    Apart,
}

/// Keeps two databases: that of the target is looked at.
struct Two {
    target: Box<dyn Database>,
    _store: Box<dyn Database>,
}

impl Database for Two {
    fn rows(&self, statements: &str) -> Vec<String> {
        self.target.rows(statements)
    }
}

/// An empty database with the table that changes write to, and a project without changes.
fn begun<K: Kind>(store: Store) -> Scene {
    let (target, url) = K::database();
    target.rows("CREATE TABLE log (what text, part int)");
    let (database, place): (Box<dyn Database>, _) = match store {
        Store::Shared => (target, "target".to_owned()),
        Store::Apart => {
            let (store, place) = K::database();
            (Box::new(Two { target, _store: store }), place)
        }
    };
    let project = Project::new(&format!(
        "service: tests\nstore: \"{place}\"\ntarget-systems:\n  target: {{ kind: {}, url: \"{url}\" }}\n\
         pipeline:\n  stages:\n    - {{ name: main, location: changes }}\n",
        K::NAME
    ));
    Scene::on(database, project)
}

/// Two changes of two rows each; the first one's header has further keys.
fn two<K: Kind>(store: Store, keys: &str) -> Scene {
    let scene = begun::<K>(store);
    let header = format!("-- sandpiper: id=a author=tests target-system=target {keys}\n");
    scene.write("changes/_0001__A.sql", format!("{header}{}", inserts("a", 2)));
    scene.sql("changes/_0002__B", "b", &inserts("b", 2));
    scene
}

/// An undo's scene: `a` is applied.
fn applied<K: Kind>(store: Store, keys: &str) -> Scene {
    let scene = begun::<K>(store);
    scene.write("changes/_0001__A.sql", undo_points::change(keys));
    scene.applied();
    scene
}

const ROWS: &str = "SELECT what, part FROM log";

fn shared<K: Kind>() -> Story {
    Story { name: "on a server, shared", project: || two::<K>(Store::Shared, ""), rows: ROWS, ..SQL }
}

fn marked<K: Kind>() -> Story {
    Story { name: "on a server, marked", project: || two::<K>(Store::Apart, ""), rows: ROWS, ..SQL }
}

fn direct<K: Kind>() -> Story {
    Story {
        name: "on a server, direct",
        project: || two::<K>(Store::Shared, "transactional=false"),
        person: Person::Resumes(&[0, 1, 2]),
        rows: ROWS,
        ..SQL
    }
}

/// Whether the server has just answered. Of a process that is gone before the next question nothing else is left than of
/// one that is gone after this answer; what it does on its own machine is the same as with SQLite.
fn is_answer<K: Kind>(point: &str) -> bool {
    point.starts_with(&format!("after {} ", K::NAME))
}

fn answers<K: Kind>(points: Vec<String>) -> Vec<String> {
    let answers: Vec<String> = points.into_iter().filter(|point| is_answer::<K>(point)).collect();
    assert!(answers.len() > 3, "{answers:?}");
    answers
}

fn killed_in_apply<K: Kind>() {
    for story in [shared::<K>(), marked::<K>(), direct::<K>()] {
        killed_at(&story, &answers::<K>(all(&story)));
    }
}

fn killed_in_undo<K: Kind>() {
    for (what, store, keys, may_need_person) in [
        ("undo, shared", Store::Shared, "", false),
        ("undo, marked", Store::Apart, "", false),
        ("undo, direct", Store::Shared, "transactional=false", true),
    ] {
        let applied = || applied::<K>(store, keys);
        undo_points::killed_at(what, &applied, &answers::<K>(undo_points::all(&applied)), may_need_person);
    }
}

fn terminated<K: Kind>() {
    for story in [marked::<K>(), direct::<K>()] {
        terminated_at(&story, &answers::<K>(all(&story)));
    }
    for keys in ["", "transactional=false"] {
        let applied = || applied::<K>(Store::Shared, keys);
        undo_points::terminated_at("undo", &applied, &answers::<K>(undo_points::all(&applied)));
    }
}

/// The recovery is killed too. Not at every point of it: the first point of the run goes with the first of the recovery,
/// the second with the second, and so on, from the start again where there are no more.
fn killed_twice<K: Kind>() {
    for story in [shared::<K>(), marked::<K>(), direct::<K>()] {
        let firsts: Vec<(usize, String)> = answers::<K>(all(&story)).into_iter().enumerate().collect();
        each(story.name, &firsts, |(number, first)| {
            let killed = || {
                let scene = (story.project)();
                run(&scene, story.line, first, Signal::Kill).exits(-9);
                scene
            };
            let (mut seconds, _) = points(&killed(), story.line);
            seconds.retain(|point| is_answer::<K>(point));
            let Some(second) = seconds.get(number % seconds.len().max(1)) else { return };
            let scene = killed();
            run(&scene, story.line, second, Signal::Kill).exits(-9);
            recover(&story, &scene);
        });
    }
}

fn frozen<K: Kind>() {
    for story in [shared::<K>(), marked::<K>()] {
        frozen::frozen_where(&story, is_answer::<K>);
    }
}

fn at_once<K: Kind>() {
    for story in [shared::<K>(), marked::<K>(), direct::<K>()] {
        for count in [2, 8] {
            let scene = (story.project)();
            let running: Vec<_> = (0..count).map(|_| scene.start(story.line)).collect();
            let applied: u64 = running.into_iter().map(|running| running.wait().exits(0).counts()[0]).sum();
            assert_eq!(applied, 2, "{}: each is reported by the one that applied it", story.name);
            ends_well(&story, &scene);
        }
    }
}

/// A run whose store refuses to record that `a` came to a state.
fn refused<K: Kind>(story: &Story, state: &str) -> Scene {
    let scene = (story.project)();
    // Something else makes the tables.
    scene.sql("changes/_0000__First", "first", "SELECT 1;");
    scene.run("apply --to first").exits(0);
    scene.execute(&K::refuse(state));
    let outcome = scene.run(story.line).exits(7);
    assert!(outcome.codes().iter().any(|code| code.starts_with("store::")), "{outcome}");
    scene
}

fn refuses<K: Kind>() {
    for (story, state, parts) in [
        (shared::<K>(), "started", 0),
        (shared::<K>(), "applied", 0),
        (direct::<K>(), "started", 0),
        (direct::<K>(), "applied", 2),
    ] {
        let scene = refused::<K>(&story, state);
        assert_eq!(story.parts_of(&scene).len(), parts, "{}, {state}", story.name);
        scene.execute(&K::accept());
        recover(&story, &scene);
    }
}

/// The tests of a kind of server, in a module of its name.
macro_rules! tests_on {
    ($name:ident, $kind:ty) => {
        mod $name {
            use super::*;

            #[test]
            fn a_change_killed_anywhere_needs_a_person_only_where_the_table_says_so() {
                killed_in_apply::<$kind>();
            }

            #[test]
            fn a_recovery_that_is_killed_itself_is_put_right_too() {
                killed_twice::<$kind>();
            }

            #[test]
            fn an_undo_killed_anywhere_needs_a_person_only_outside_of_a_transaction() {
                killed_in_undo::<$kind>();
            }

            #[test]
            fn a_run_that_is_told_to_stop_anywhere_stops_in_good_order() {
                terminated::<$kind>();
            }

            #[test]
            fn a_host_frozen_anywhere_writes_nothing_once_another_has_taken_over() {
                frozen::<$kind>();
            }

            #[test]
            fn hosts_that_start_at_once_on_an_empty_database_apply_every_change_once() {
                at_once::<$kind>();
            }

            #[test]
            fn a_history_that_cannot_be_written_is_put_right_by_the_next_run() {
                refuses::<$kind>();
            }
        }
    };
}

tests_on!(postgres, OnPostgres);
tests_on!(mariadb, OnMariaDb);
