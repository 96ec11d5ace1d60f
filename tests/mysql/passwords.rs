//! The ways in which servers check passwords, and that none is sent where somebody could listen.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use sandpiper_tests::{MariaDb, Project};

use crate::configuration;
use crate::messages::{WRONG, greeting, told};

/// Something that wants to see the password, and what it is sent after that.
fn curious() -> (u16, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (seen, answers) = channel();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            drop(ask_for_the_password(client).map(|answer| seen.send(answer)));
        }
    });
    (port, answers)
}

fn ask_for_the_password(mut client: TcpStream) -> std::io::Result<Vec<u8>> {
    client.write_all(&greeting("8.4.3", "caching_sha2_password"))?;
    let mut head = [0; 4];
    client.read_exact(&mut head)?;
    let mut introduction = vec![0; usize::from(head[0]) | usize::from(head[1]) << 8];
    client.read_exact(&mut introduction)?;
    client.write_all(&[2, 0, 0, 2, 1, 4])?;
    let mut answer = Vec::new();
    client.read_to_end(&mut answer)?;
    Ok(answer)
}

#[test]
fn a_password_is_not_shown_over_a_connection_that_is_not_encrypted() {
    let (port, answers) = curious();
    let url = format!("mysql://root:{WRONG}@127.0.0.1:{port}/x");
    for is_store in [false, true] {
        told(&url, is_store, "refused", &["wants to see the password", "switch TLS on", "`socket`"]);
    }
    let answers: Vec<_> = answers.try_iter().collect();
    assert!(answers.len() >= 2 && answers.iter().all(Vec::is_empty), "{answers:?}");
}

#[test]
fn an_account_with_a_way_that_is_not_known_is_told_the_statement_that_changes_it() {
    let server = MariaDb::shared();
    let database = server.database();
    let account = format!("edwards_{}", database.name);
    database.rows(&format!(
        "INSTALL SONAME 'auth_ed25519'; CREATE USER {account}@'%' IDENTIFIED VIA ed25519 USING PASSWORD('{WRONG}'); \
         GRANT ALL ON {}.* TO {account}@'%'",
        database.name
    ));
    let url = database.url().replace(&format!("root:{}", server.password()), &format!("{account}:{WRONG}"));
    for is_store in [false, true] {
        told(&url, is_store, "refused", &["`client_ed25519`", "ALTER USER .. IDENTIFIED BY '..'"]);
    }
    database.rows(&format!("ALTER USER {account}@'%' IDENTIFIED BY '{WRONG}'"));
    let project = Project::new(&configuration("", &url));
    project.sql("changes/_0001__T", "t", "CREATE TABLE t (n INT);");
    assert_eq!(project.applied().counts()[0], 1);
    database.rows(&format!("DROP USER {account}@'%'"));
}
