//! Which process this is, and whether another one of this machine is gone: a host that was killed holds a lease that
//! nobody will give back, and whoever can see that it is dead need not wait for it.

use std::fs;
use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

/// This process, in a form that only processes of the same kernel and the same namespaces can judge: the boot, the
/// namespaces, the process, and when it started.
pub(crate) fn identity() -> Option<String> {
    let (boot, namespace) = here()?;
    let process = rustix::process::getpid().as_raw_nonzero();
    let (_, started) = stat("self")?;
    Some(format!("{boot}/{namespace}/{process}/{started}"))
}

/// Whether a process is certainly gone. Of another machine, boot or container nothing is certain.
pub(crate) fn is_gone(identity: &str) -> bool {
    let mut parts = identity.split('/');
    let (Some(boot), Some(namespace), Some(process), Some(started)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    if here() != Some((boot.to_owned(), namespace.to_owned())) {
        return false;
    }
    let Some(pid) = process.parse().ok().and_then(Pid::from_raw) else { return false };
    // The kernel answers for every process of the namespace, also where `/proc` hides those of others.
    if test_kill_process(pid) == Err(Errno::SRCH) {
        return true;
    }
    // A number that was given to another process since, or one that only waits for its parent to look.
    stat(process).is_some_and(|(state, now)| now != started || state == "Z")
}

/// The boot, and the namespaces of processes and of time that this process lives in: numbers of processes mean nothing
/// in another one, and starts are told by the clock of the reader's. None where `/proc` is another namespace's.
fn here() -> Option<(String, String)> {
    let own = rustix::process::getpid().as_raw_nonzero().to_string();
    if fs::read_link("/proc/self").ok()? != Path::new(&own) {
        return None;
    }
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let number = |kind: &str| {
        let link = fs::read_link(Path::new("/proc/self/ns").join(kind)).unwrap_or_default();
        link.to_string_lossy().chars().filter(char::is_ascii_digit).collect::<String>()
    };
    let (processes, time) = (number("pid"), number("time"));
    (!processes.is_empty()).then(|| (boot.trim().to_owned(), format!("{processes}.{time}")))
}

/// The state and the start of a process, in ticks since boot (`proc(5)`).
fn stat(process: &str) -> Option<(String, String)> {
    let text = fs::read_to_string(Path::new("/proc").join(process).join("stat")).ok()?;
    // The name stands in parentheses and may hold anything; what follows is numbers.
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    Some((fields.first()?.to_string(), fields.get(19)?.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_runs_is_not_gone() {
        assert!(!is_gone(&identity().unwrap()));
    }

    #[test]
    fn a_process_that_ended_is_gone_also_before_its_parent_looked() {
        let ours = identity().unwrap();
        let (prefix, _) = ours.rsplit_once('/').unwrap();
        let (prefix, _) = prefix.rsplit_once('/').unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let process = child.id().to_string();
        let (_, started) = stat(&process).unwrap();
        let identity = format!("{prefix}/{process}/{started}");
        assert!(!is_gone(&identity));
        child.kill().unwrap();
        while stat(&process).is_some_and(|(state, _)| state != "Z") {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert!(is_gone(&identity));
        child.wait().unwrap();
        assert!(is_gone(&identity));
    }

    #[test]
    fn a_number_that_was_given_to_another_process_is_not_the_old_one() {
        let ours = identity().unwrap();
        let (prefix, _) = ours.rsplit_once('/').unwrap();
        assert!(is_gone(&format!("{prefix}/1")));
    }

    #[test]
    fn of_another_machine_or_container_nothing_is_certain() {
        let ours = identity().unwrap();
        let parts: Vec<&str> = ours.split('/').collect();
        assert!(!is_gone(&format!("other/{}/999999999/1", parts[1])));
        assert!(!is_gone(&format!("{}/1/999999999/1", parts[0])));
        assert!(!is_gone("nonsense"));
        assert!(!is_gone(""));
    }
}
