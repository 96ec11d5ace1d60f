//! What is in the container image, run as a platform runs it: nothing else in the file system, which cannot be written to,
//! no account but a number, no home.
//!
//! `cargo xtask image` has `SANDPIPER_IMAGE` name the image, in the layout of the Open Container Initiative. Without it the
//! root is made as `image/Containerfile` says, from the binary of these tests and the libraries that it is linked to.

use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sandpiper::conformance::http::Reply;
use sandpiper_tests::{Api, Certificates, Outcome, Running, Tree, binary, component};
use serde_json::Value;
use tempfile::TempDir;

/// Whom the image runs as.
const ACCOUNT: &str = "65532";

const MEGABYTE: u64 = 1_000_000;

/// The root file system of a container.
struct Root(TempDir);

impl Root {
    fn new() -> Self {
        let root = Self(tempfile::tempdir().unwrap());
        // The folder of a test is for its owner alone.
        fs::set_permissions(root.0.path(), Permissions::from_mode(0o755)).unwrap();
        match std::env::var_os("SANDPIPER_IMAGE") {
            Some(image) => Image::read(Path::new(&image)).unpack(root.0.path()),
            None => root.lay_out(),
        }
        root
    }

    /// Copies what the `Containerfile` copies, and what a binary that is not static needs besides.
    fn lay_out(&self) {
        for line in containerfile().lines().filter_map(|line| line.strip_prefix("COPY ")) {
            let (from, to) = line.split_once(' ').unwrap();
            match from {
                "sandpiper" => self.copy(binary(), to),
                _ => self.copy(&Path::new("/etc/ssl/certs").join(from), to),
            }
        }
        let linked = Command::new("ldd").arg(binary()).output().unwrap();
        for word in String::from_utf8(linked.stdout).unwrap().split_whitespace() {
            if word.starts_with('/') {
                self.copy(Path::new(word), word);
            }
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path.trim_start_matches('/'))
    }

    fn copy(&self, from: &Path, to: &str) {
        let to = self.path(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Takes away the right to write to any folder but a volume, `/data`, which is the account's.
    fn close(&self) {
        fs::create_dir_all(self.path("data")).unwrap();
        let folders = Command::new("find").arg(self.0.path()).args(["-type", "d"]).output().unwrap();
        for folder in String::from_utf8(folders.stdout).unwrap().lines() {
            fs::set_permissions(folder, Permissions::from_mode(0o555)).unwrap();
        }
        fs::set_permissions(self.path("data"), Permissions::from_mode(0o777)).unwrap();
    }

    /// The binary as an image is built: by root, or who is root there.
    fn build(&self, words: &[&str], variables: &[(&str, &str)]) -> Outcome {
        let mut command = if is_root() {
            let mut command = Command::new("chroot");
            command.arg(self.0.path());
            command
        } else {
            let mut command = Command::new("unshare");
            command.arg("--map-root-user").arg("--root").arg(self.0.path());
            command
        };
        command.arg("/sandpiper").args(words).env_clear().envs(variables.iter().copied());
        Running::spawn(with_path(command)).wait()
    }

    /// The binary as a container runs it.
    fn start(&self, words: &[&str], variables: &[(&str, &str)]) -> Running {
        let mut command = if is_root() {
            let mut command = Command::new("chroot");
            command.args([&format!("--userspec={ACCOUNT}:{ACCOUNT}"), "--groups="]).arg(self.0.path());
            command
        } else {
            let mut command = Command::new("unshare");
            command.args([format!("--map-user={ACCOUNT}"), format!("--map-group={ACCOUNT}")]);
            command.arg("--root").arg(self.0.path());
            command
        };
        command.arg("/sandpiper").args(words).env_clear().envs(variables.iter().copied());
        Running::spawn(with_path(command))
    }

    fn run(&self, words: &[&str], variables: &[(&str, &str)]) -> Outcome {
        self.start(words, variables).wait()
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // So that it can be removed.
        let _ = Command::new("chmod").args(["-R", "u+w"]).arg(self.0.path()).status();
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout == b"0\n"
}

/// A path that leads to what changes the root, and to nothing in it.
fn with_path(mut command: Command) -> Command {
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

fn containerfile() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../image/Containerfile")).unwrap()
}

/// An image in the layout of the Open Container Initiative.
struct Image {
    folder: PathBuf,
    manifest: Value,
}

impl Image {
    fn read(folder: &Path) -> Self {
        let index: Value = serde_json::from_slice(&fs::read(folder.join("index.json")).unwrap()).unwrap();
        let mut image = Self { folder: folder.to_owned(), manifest: Value::Null };
        image.manifest = image.document(&index["manifests"][0]);
        image
    }

    fn blob(&self, of: &Value) -> PathBuf {
        self.folder.join("blobs").join(of["digest"].as_str().unwrap().replace(':', "/"))
    }

    fn document(&self, of: &Value) -> Value {
        serde_json::from_slice(&fs::read(self.blob(of)).unwrap()).unwrap()
    }

    fn layers(&self) -> impl Iterator<Item = PathBuf> {
        self.manifest["layers"].as_array().unwrap().iter().map(|layer| self.blob(layer))
    }

    fn unpack(&self, root: &Path) {
        for layer in self.layers() {
            let mut tar = Command::new("tar");
            assert!(tar.arg("-xf").arg(layer).arg("-C").arg(root).status().unwrap().success());
        }
    }
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

/// A component, a change as data, and one to an API, whose encryption the root certificates of the image verify.
fn project(root: &Root, api: &Api) {
    root.write(
        "work/sandpiper.yaml",
        format!(
            "service: image\nstore: target\ntarget-systems:\n  target: {{ kind: sqlite, path: /data/target.db }}\n  \
             api: {{ kind: http, base-url: \"{}\", auth: {{ bearer: \"${{file:/data/token}}\" }} }}\n\
             pipeline: {{ stages: [{{ name: main, location: changes }}] }}\n",
            api.url("/")
        ),
    );
    root.write("work/changes/_0001__Guest.wasm", component("minimal"));
    let header = "author: tests\ntemplate";
    root.write(
        "work/changes/_0002__Table.yaml",
        format!("id: table\n{header}: sql\ntarget-system: target\napply: CREATE TABLE t (id INTEGER)\n"),
    );
    root.write(
        "work/changes/_0003__Call.yaml",
        format!("id: call\n{header}: http\ntarget-system: api\napply: {{ method: POST, path: called }}\n"),
    );
}

const PROJECT: [&str; 2] = ["-c", "/work/sandpiper.yaml"];
const CACHE: (&str, &str) = ("XDG_CACHE_HOME", "/var/cache");

#[test]
fn what_is_in_the_image_applies_without_root_home_or_a_place_to_write_to() {
    let certificates = tempfile::tempdir().unwrap();
    Certificates::make(certificates.path());
    let api = Api::start_encrypted(certificates.path(), false, |_, _| Reply::new(201, "made"));
    let root = Root::new();
    // What a container finds besides: the names of the machine, and the root certificate of a company.
    root.write("etc/hosts", "127.0.0.1 localhost\n");
    let mut roots = fs::read(root.path("etc/ssl/certs/ca-certificates.crt")).unwrap();
    assert!(roots.len() > 100_000, "the image has the roots of the public");
    roots.extend(fs::read(certificates.path().join("root.crt")).unwrap());
    root.write("etc/ssl/certs/ca-certificates.crt", roots);
    project(&root, &api);

    let warmed = root.build(&[&PROJECT[..], &["warm", "--format", "json"]].concat(), &[CACHE]).exits(0);
    assert_eq!(warmed.at("/counts/compiled"), 3, "{warmed}");
    root.write("data/token", "the-token-of-the-image\n");
    root.close();
    let before = Tree::of(&root.path("var/cache"));
    let again = root.run(&[&PROJECT[..], &["warm", "--format", "json"]].concat(), &[CACHE]).exits(0);
    assert_eq!(again.at("/counts/cached"), 3, "{again}");
    let doctor = root.run(&[&PROJECT[..], &["doctor"]].concat(), &[CACHE]);
    assert!(doctor.stdout.contains("it is only read"), "{doctor}");

    let applied = root.run(&[&PROJECT[..], &["apply", "--format", "json"]].concat(), &[CACHE]).exits(0);
    assert_eq!(applied.counts()[0], 3, "{applied}");
    assert_eq!(api.lines(), ["POST /called"]);
    assert_eq!(before.differences(&Tree::of(&root.path("var/cache"))), [""; 0]);
    // Without a cache too, and as an entry point.
    root.run(&[&PROJECT[..], &["status", "--check"]].concat(), &[]).exits(0);
    let entered =
        root.run(&[&PROJECT[..], &["exec", "--", "/sandpiper", "--version"]].concat(), &[]).exits(0);
    assert!(entered.stdout.starts_with("sandpiper "), "{entered}");
    let audit = root.run(&[&PROJECT[..], &["audit", "list", "--format", "json"]].concat(), &[]).exits(0);
    assert_eq!(audit.text("/entries/0/operator").split('@').next(), Some(&*format!("uid{ACCOUNT}")));
}

/// Whether `serve` listens, and its first run is over.
fn is_done_applying(address: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let mut answer = String::new();
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    stream.read_to_string(&mut answer).is_ok() && answer.contains("\"applying\":false")
}

#[test]
fn a_container_that_is_told_to_stop_ends() {
    let root = Root::new();
    root.write("work/sandpiper.yaml", sandpiper_tests::SHARED.replace("target.db", "/data/target.db"));
    fs::create_dir_all(root.path("work/changes")).unwrap();
    root.close();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let serving = root.start(&[&PROJECT[..], &["serve", "--listen", &address]].concat(), &[]);
    let since = Instant::now();
    // While it applies it would end as a run that was told to stop.
    while !is_done_applying(&address) {
        assert!(since.elapsed() < Duration::from_secs(60), "it does not listen");
        std::thread::sleep(Duration::from_millis(10));
    }
    let told = Command::new("kill").args(["-TERM", &serving.id().to_string()]).status().unwrap();
    assert!(told.success());
    let ended = serving.wait().exits(0);
    assert!(ended.stderr.contains("listening on http://127.0.0.1:"), "{ended}");
}

#[test]
fn the_image_is_small_and_says_how_it_is_run() {
    let Some(folder) = std::env::var_os("SANDPIPER_IMAGE") else {
        // What `cargo xtask image` would build it from says the same.
        let text = containerfile();
        for line in ["FROM scratch", "USER 65532:65532", "ENTRYPOINT [\"/sandpiper\"]"] {
            assert!(text.lines().any(|it| it == line), "{line}");
        }
        return;
    };
    let image = Image::read(Path::new(&folder));
    let configuration = image.document(&image.manifest["config"])["config"].clone();
    assert_eq!(configuration["User"], format!("{ACCOUNT}:{ACCOUNT}"));
    assert_eq!(configuration["Entrypoint"], serde_json::json!(["/sandpiper"]));
    let root = Root::new();
    let unpacked = size(&root.path("sandpiper")) + size(&root.path("etc/ssl/certs/ca-certificates.crt"));
    assert!(unpacked <= 30 * MEGABYTE, "{unpacked} bytes");
    let packed: u64 = image.layers().map(|layer| size(&layer)).sum();
    assert!(packed <= 12 * MEGABYTE, "{packed} bytes");
}
