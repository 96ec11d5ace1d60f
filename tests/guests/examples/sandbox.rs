//! A change that looks for everything outside of its sandbox, and writes into `guest_seen` what it finds.

#[sandpiper_sdk::change(
    id = "test-guest-sandbox-0000000000000000000001",
    author = "sandpiper-tests",
    target_system = "target"
)]
mod change {
    use sandpiper_sdk::prelude::*;
    use std::collections::hash_map::RandomState;
    use std::hash::BuildHasher;
    use std::io::Read;
    use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
    use std::time::SystemTime;
    use std::{env, fs};

    fn apply(db: &Connection) -> Result {
        let mut input = String::new();
        let address = "127.0.0.1:9";
        let seen = [
            ("env", format!("{:?}", env::vars().collect::<Vec<_>>())),
            ("args", format!("{:?}", env::args().collect::<Vec<_>>())),
            ("directory", format!("{:?}", env::current_dir())),
            ("stdin", format!("{:?} {input:?}", std::io::stdin().read_to_string(&mut input))),
            ("read-root", kind(fs::read_dir("/").map(Iterator::count))),
            ("read-here", kind(fs::read_dir(".").map(Iterator::count))),
            ("read-file", kind(fs::read("/etc/passwd"))),
            ("write-file", kind(fs::write("guest.txt", "here I was"))),
            ("connect", kind(TcpStream::connect(address))),
            ("listen", kind(TcpListener::bind("127.0.0.1:0"))),
            (
                "udp",
                kind(UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"hello", address))),
            ),
            ("resolve", kind("localhost:80".to_socket_addrs().map(Iterator::count))),
            ("clock-after-2020", (SystemTime::UNIX_EPOCH.elapsed()?.as_secs() > 1_577_836_800).to_string()),
            ("random", format!("{:x}", RandomState::new().hash_one(0))),
        ];
        db.execute("CREATE TABLE guest_seen (name TEXT, seen TEXT)", params![])?;
        db.execute_many(
            "INSERT INTO guest_seen (name, seen) VALUES (?, ?)",
            seen.map(|(name, seen)| params![name, seen]),
        )?;
        Ok(())
    }

    fn rollback(db: &Connection) -> Result {
        db.execute("DROP TABLE guest_seen", params![])?;
        Ok(())
    }

    /// `allowed`, or the kind of the error.
    fn kind<T>(result: std::io::Result<T>) -> String {
        result.map_or_else(|error| format!("{:?}", error.kind()), |_| "allowed".to_owned())
    }
}
