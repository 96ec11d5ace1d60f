//! The manifests of `examples/kubernetes` and the services of `examples/compose`: each is what it claims to be, and runs
//! commands that the binary knows.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Container, PodSpec, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use k8s_openapi::serde::Serialize;
use k8s_openapi::serde::de::DeserializeOwned;
use sandpiper_tests::{Postgres, Project};
use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::Value;

/// `limits.grace` of the shop.
const GRACE: Duration = Duration::from_secs(20);

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

/// The one document of a YAML file.
fn read(path: &str) -> Value {
    let text = fs::read_to_string(examples().join(path)).unwrap();
    let documents = Yaml::load_from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(documents.len(), 1, "{path}");
    json(&documents[0])
}

fn json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Mapping(entries) => {
            entries.iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), json(value))).collect()
        }
        Yaml::Sequence(items) => items.iter().map(json).collect(),
        Yaml::Value(Scalar::Boolean(value)) => (*value).into(),
        Yaml::Value(Scalar::Integer(value)) => (*value).into(),
        Yaml::Value(Scalar::String(value)) => value.as_ref().into(),
        Yaml::Value(Scalar::Null) => Value::Null,
        other => panic!("no manifest has {other:?}"),
    }
}

/// A manifest as Kubernetes understands it. What Kubernetes does not know it leaves out: then the two differ.
fn manifest<T: DeserializeOwned + Serialize>(path: &str) -> T {
    let written = read(path);
    let typed: T = serde_json::from_value(written.clone()).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(
        serde_json::to_value(&typed).unwrap(),
        written,
        "{path} has a key that Kubernetes does not know"
    );
    typed
}

/// What every pod of ours is: not root, without a file system to write to, and stopped in good order.
fn check_pod(path: &str, pod: &PodSpec) {
    let security = pod.security_context.as_ref().unwrap();
    assert_eq!(security.run_as_non_root, Some(true), "{path}");
    assert!(security.run_as_user.is_some_and(|user| user > 0), "{path}");
    assert!(pod.termination_grace_period_seconds.unwrap() > GRACE.as_secs() as i64, "{path}");
    let volumes: Vec<&str> = pod.volumes.iter().flatten().map(|volume| volume.name.as_str()).collect();
    for container in pod.init_containers.iter().flatten().chain(&pod.containers) {
        let of = format!("`{}` of {path}", container.name);
        let security = container.security_context.as_ref().unwrap();
        assert_eq!(security.read_only_root_filesystem, Some(true), "{of}");
        assert_eq!(security.allow_privilege_escalation, Some(false), "{of}");
        assert_eq!(security.capabilities.as_ref().unwrap().drop, Some(vec!["ALL".to_owned()]), "{of}");
        for mount in container.volume_mounts.iter().flatten() {
            assert!(volumes.contains(&mount.name.as_str()), "{of} mounts `{}`", mount.name);
        }
        for variable in container.env.iter().flatten() {
            assert!(variable.value_from.is_none(), "{of}: a secret is a file");
        }
        for probe in [&container.liveness_probe, &container.readiness_probe, &container.startup_probe] {
            check_probe(&of, container, probe.as_ref());
        }
    }
}

fn check_probe(of: &str, container: &Container, probe: Option<&Probe>) {
    let Some(get) = probe.map(|probe| probe.http_get.as_ref().unwrap()) else { return };
    let IntOrString::String(port) = &get.port else { panic!("{of}: the port of a probe has a name") };
    let mut ports = container.ports.iter().flatten();
    let found = ports.find(|known| known.name.as_ref() == Some(port));
    let number = found.unwrap_or_else(|| panic!("{of} has no port `{port}`")).container_port;
    let command = container.command.as_deref().unwrap_or_default();
    if command.first().is_some_and(|program| program == "sandpiper") {
        assert!(command.contains(&format!("0.0.0.0:{number}")), "{of} listens elsewhere than it is asked");
    }
}

/// The container that applies, whose command the binary knows, and which has the address as a file where the
/// configuration looks for it.
fn check_changes(path: &str, container: &Container) {
    let command = container.command.clone().unwrap();
    check_command(path, &command);
    let mounted = |folder: &str| {
        container
            .volume_mounts
            .iter()
            .flatten()
            .any(|mount| mount.mount_path == folder && mount.read_only == Some(true))
    };
    assert!(mounted("/run/secrets/shop-db"), "{path}");
    if let Some(at) = command.iter().position(|word| word == "--token-file") {
        assert!(mounted(Path::new(&command[at + 1]).parent().unwrap().to_str().unwrap()), "{path}");
    }
}

/// The binary reads all options before it prints the help of the command.
fn check_command(path: &str, command: &[String]) {
    let (program, rest) = command.split_first().unwrap();
    assert_eq!(program, "sandpiper", "{path}");
    let line: Vec<String> = rest.iter().take_while(|word| *word != "--").cloned().collect();
    Project::empty().run(&format!("{} --help", line.join(" "))).exits(0);
}

#[test]
fn an_init_container_applies_before_the_application_starts() {
    let path = "kubernetes/init-container.yaml";
    let deployment: Deployment = manifest(path);
    let spec = deployment.spec.unwrap();
    assert_eq!(spec.selector.match_labels, spec.template.metadata.unwrap().labels);
    let pod = spec.template.spec.unwrap();
    check_pod(path, &pod);
    let [changes] = pod.init_containers.as_deref().unwrap() else { panic!("one init container") };
    assert_eq!(changes.restart_policy, None, "the application waits for its end");
    check_changes(path, changes);
    assert!(pod.containers[0].volume_mounts.iter().flatten().all(|mount| mount.name != "owner"));
}

#[test]
fn a_native_sidecar_is_asked_whether_the_changes_are_applied() {
    let path = "kubernetes/sidecar.yaml";
    let deployment: Deployment = manifest(path);
    let spec = deployment.spec.unwrap();
    assert_eq!(spec.selector.match_labels, spec.template.metadata.unwrap().labels);
    let pod = spec.template.spec.unwrap();
    check_pod(path, &pod);
    let [sidecar] = pod.init_containers.as_deref().unwrap() else { panic!("one init container") };
    assert_eq!(sidecar.restart_policy.as_deref(), Some("Always"), "it stays, and the pod ends without it");
    check_changes(path, sidecar);
    let asked =
        |probe: &Option<Probe>| probe.as_ref().unwrap().http_get.as_ref().unwrap().path.clone().unwrap();
    let asked = [&sidecar.startup_probe, &sidecar.readiness_probe, &sidecar.liveness_probe].map(asked);
    // A process that is not ready must not be killed for it: it may be at a change.
    assert_eq!(asked, ["/readyz", "/readyz", "/healthz"]);
    let startup = sidecar.startup_probe.as_ref().unwrap();
    assert!(startup.period_seconds.unwrap() * startup.failure_threshold.unwrap() > 600, "`limits.deadline`");
}

#[test]
fn a_job_tries_again_only_what_may_work_the_next_time() {
    let path = "kubernetes/job.yaml";
    let job: Job = manifest(path);
    let spec = job.spec.unwrap();
    let pod = spec.template.spec.unwrap();
    check_pod(path, &pod);
    assert_eq!(pod.restart_policy.as_deref(), Some("Never"), "without it there is no policy of failures");
    check_changes(path, &pod.containers[0]);
    let rules = spec.pod_failure_policy.unwrap().rules;
    let codes = rules.iter().find_map(|rule| Some((&rule.action, rule.on_exit_codes.as_ref()?)));
    let (action, codes) = codes.unwrap();
    assert_eq!((action.as_str(), codes.container_name.as_deref()), ("FailJob", Some("changes")));
    assert_eq!(codes.values, [2, 4, 6, 70], "docs/exit-codes.md");
}

#[test]
fn the_services_of_compose_are_like_the_pods() {
    let services = read("compose/compose.yaml");
    let ours = ["changes", "watch"].map(|name| &services["services"][name]);
    for service in ours {
        let words = |key: &str| -> Vec<String> {
            service[key].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
        };
        check_command("compose.yaml", &words("entrypoint"));
        assert_eq!((&service["user"], &service["read_only"]), (&"65532:65532".into(), &true.into()));
        assert_eq!(words("cap_drop"), ["ALL"]);
        assert_eq!(service["stop_grace_period"], "30s");
        assert_eq!(service["secrets"][0]["target"], "/run/secrets/shop-db/url");
        for secret in service["secrets"].as_array().unwrap() {
            let name = secret["source"].as_str().or(secret.as_str()).unwrap();
            assert!(services["secrets"][name].is_object(), "the secret `{name}`");
        }
    }
    let shop = &services["services"]["shop"]["depends_on"]["changes"]["condition"];
    assert_eq!(shop, "service_completed_successfully");
    let containerfile = fs::read_to_string(examples().join("compose/Containerfile")).unwrap();
    let entry = containerfile.lines().find_map(|line| line.strip_prefix("ENTRYPOINT ")).unwrap();
    check_command("Containerfile", &serde_json::from_str::<Vec<String>>(entry).unwrap());
}

#[test]
fn the_shop_of_the_containers_is_built_without_its_secret_and_applied_with_it() {
    let database = Postgres::shared().database();
    let mut project = crate::example("compose");
    let warmed = project.json("warm").exits(0);
    assert_eq!(warmed.text("/components/0/name"), "sql");
    project.json("validate").exits(2);
    project.set_variable("SHOP_DB_URL", &database.url());
    project.json("apply").exits(0);
    assert_eq!(database.rows("SELECT name FROM products ORDER BY id"), ["Field guide", "Binoculars"]);
}
