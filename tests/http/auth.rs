//! Who we are to an API: added by the host, checked by the server, told to nobody.

use std::sync::Mutex;

use ring::{digest, hmac};
use sandpiper::conformance::http::{Arrived, Reply};
use sandpiper_tests::{Api, Project};

use crate::{TOKEN, change, project};

/// One request that is answered with everything that the server saw: the worst that can happen to a secret.
fn echo(request: &Arrived) -> Reply {
    let headers: Vec<String> =
        request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    Reply::new(200, headers.join("\n")).with("X-Seen", &headers.join(" "))
}

/// A server that takes only what `admits` it, and repeats what it saw.
fn guarded(admits: impl Fn(&Arrived) -> bool + Send + Sync + 'static) -> Api {
    Api::start(
        move |request, _| if admits(request) { echo(request) } else { Reply::new(401, "who are you?") },
    )
}

const ASKS: &str = "apply: { method: POST, path: items, body: { a: 1 }, expect: { status: 200 } }";

/// The same, with an expectation that is not met: the answer is shown in an error.
const FAILS: &str = "apply: { method: POST, path: items, body: { a: 1 }, expect: { status: 201 } }";

/// Applies through a server, and looks for a secret in whatever is left or told.
fn sees_no(secrets: &[&str], project: &Project) {
    change(project, 1, "one", ASKS);
    change(project, 2, "two", FAILS);
    let mut told = Vec::new();
    for line in [
        "apply -vv",
        "apply --format json",
        "status",
        "issue show --format json",
        "audit list --history --format json",
        "audit show one --calls --format json",
        "audit show two --calls --format json",
        "audit export",
        "plan",
        "validate --format json",
    ] {
        let outcome = project.run(line);
        told.push(format!("{line}: {}{}", outcome.stdout, outcome.stderr));
    }
    assert_eq!(project.state("one"), "applied", "{}", told[0]);
    for path in project.tree().paths().into_iter().filter(|path| path.contains(".db")) {
        told.push(String::from_utf8_lossy(&std::fs::read(project.path(path)).unwrap()).into_owned());
    }
    for secret in secrets {
        for text in &told {
            assert!(!text.contains(secret), "`{secret}` is told in {text}");
        }
    }
}

#[test]
fn a_token_is_sent_and_never_told() {
    let api = guarded(|request| request.header("authorization") == format!("Bearer {TOKEN}"));
    sees_no(&[TOKEN], &project(&api.url("/"), &format!(", record: full, auth: {{ bearer: {TOKEN} }}")));
}

#[test]
fn a_token_of_a_file_is_sent_without_its_line_end() {
    let api = guarded(|request| request.header("authorization") == format!("Bearer {TOKEN}"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let auth = format!(", record: full, auth: {{ bearer: \"${{file:{}}}\" }}", file.display());
    sees_no(&[TOKEN], &project(&api.url("/"), &auth));
}

#[test]
fn user_and_password_are_sent_and_never_told() {
    // `ada:password-of-ada`, as `base64` writes it.
    let basic = "YWRhOnBhc3N3b3JkLW9mLWFkYQ==";
    let api = guarded(move |request| request.header("authorization") == format!("Basic {basic}"));
    let auth = ", record: full, auth: { basic: { user: ada, password: password-of-ada } }";
    sees_no(&["password-of-ada", basic], &project(&api.url("/"), auth));
}

#[test]
fn a_header_of_its_own_is_sent_and_never_told() {
    let api = guarded(|request| request.header("x-api-key") == TOKEN);
    let auth = format!(", record: full, auth: {{ header: {{ name: X-Api-Key, value: {TOKEN} }} }}");
    let project = project(&api.url("/"), &auth);
    sees_no(&[TOKEN], &project);
    change(&project, 1, "other", &ASKS.replace("body:", "headers: { x-api-key: mine }, body:"));
}

#[test]
fn a_token_is_asked_for_once_and_anew_when_it_is_taken_no_more() {
    // Every token is good for two requests; they never say that they run out.
    let issued = std::sync::Arc::new(Mutex::new(Vec::<(String, u32)>::new()));
    let tokens = issued.clone();
    let tokens_of_server = Api::start(move |request, earlier| {
        let form = String::from_utf8_lossy(&request.body).into_owned();
        // `id:secret%20of%20the%20client`: both are encoded first.
        let is_known = request.header("authorization") == "Basic aWQ6c2VjcmV0JTIwb2YlMjB0aGUlMjBjbGllbnQ=";
        if !is_known || form != "grant_type=client_credentials&scope=read%20write" {
            return Reply::new(401, "{\"error\":\"invalid_client\"}");
        }
        let token = format!("issued-token-number-{earlier}");
        tokens.lock().unwrap().push((token.clone(), 2));
        Reply::new(200, format!("{{\"access_token\":\"{token}\",\"token_type\":\"bearer\"}}"))
    });
    let taken = issued.clone();
    let api = guarded(move |request| {
        let mut tokens = taken.lock().unwrap();
        let Some((token, left)) = tokens.last_mut() else { return false };
        let is_good = *left > 0 && request.header("authorization") == format!("Bearer {token}");
        *left = left.saturating_sub(u32::from(is_good));
        is_good
    });
    let auth = format!(
        ", record: full, auth: {{ oauth2: {{ token-url: \"{}\", client-id: id, client-secret: secret of the client, scopes: \
         [read, write] }} }}",
        tokens_of_server.url("/oauth/token")
    );
    let project = project(&api.url("/"), &auth);
    let list =
        "apply:\n".to_owned() + &"  - { method: POST, path: items, expect: { status: 200 } }\n".repeat(5);
    change(&project, 1, "zero", &list);
    project.applied();
    assert_eq!(api.arrived().len(), 7, "two of five were refused first");
    assert_eq!(tokens_of_server.arrived().len(), 3);
    project.remove("changes/_0001__C1.yaml");
    let secrets = [
        "issued-token-number-0",
        "issued-token-number-1",
        "issued-token-number-2",
        "issued-token-number-3",
        "secret of the client",
        "c2VjcmV0JTIwb2YlMjB0",
    ];
    sees_no(&secrets, &project);
}

#[test]
fn a_token_that_runs_out_is_asked_for_before_it_does() {
    let server = Api::start(|_, earlier| {
        Reply::new(200, format!("{{\"access_token\":\"issued-token-number-{earlier}\",\"expires_in\":0}}"))
    });
    let api = guarded(|request| request.header("authorization").starts_with("Bearer issued-token-number-"));
    let auth = format!(
        ", auth: {{ oauth2: {{ token-url: \"{}\", client-id: id, client-secret: secret-of-it }} }}",
        server.url("/t")
    );
    let project = project(&api.url("/"), &auth);
    change(&project, 1, "one", &format!("apply:\n{}", "  - { method: GET, path: items }\n".repeat(3)));
    project.applied();
    assert!(server.arrived().len() >= 3);
    assert_eq!(api.arrived().len(), 3);
}

#[test]
fn wrong_credentials_of_a_token_are_told_before_anything_runs() {
    let server = Api::start(|_, _| Reply::new(401, "{\"error\":\"invalid_client\"}"));
    let api = guarded(|_| true);
    let auth = format!(
        ", auth: {{ oauth2: {{ token-url: \"{}\", client-id: id, client-secret: secret-of-it }} }}",
        server.url("/t")
    );
    let project = project(&api.url("/"), &auth);
    change(&project, 1, "one", ASKS);
    let refused = project.json("apply").exits(7);
    assert_eq!(refused.error(), "target::refused");
    let message = refused.text("/error/message");
    assert!(message.contains("invalid_client") && message.contains("client-secret"), "{refused}");
    assert!(!refused.stdout.contains("secret-of-it") && api.arrived().is_empty());
    assert_eq!(server.arrived().len(), 2, "in the header, and in the body");
}

const KEY: &str = "secret-key-of-the-tests/+=";

/// The signature of what arrived, computed from the wire alone: as the service's documentation says it, step by step.
fn signature(request: &Arrived, service: &str) -> Option<String> {
    let sha = |bytes: &[u8]| -> String {
        digest::digest(&digest::SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let mac = |key: &[u8], text: &str| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
    };
    let authorization = request.header("authorization");
    let part = |name: &str| authorization.split([' ', ',']).find_map(|part| part.strip_prefix(name));
    let scope = part("Credential=")?.strip_prefix("AKIDTESTS/")?.to_owned();
    let names = part("SignedHeaders=")?.to_owned();
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    // On the wire each part is encoded once; all services but S3 encode the path again.
    let path = if service == "s3" { path.to_owned() } else { path.replace('%', "%25") };
    let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    pairs.sort_unstable();
    let headers: String = names.split(';').map(|name| format!("{name}:{}\n", request.header(name))).collect();
    let body = sha(&request.body);
    let canonical = format!("{}\n{path}\n{}\n{headers}\n{names}\n{body}", request.method, pairs.join("&"));
    let to_sign =
        format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", request.header("x-amz-date"), sha(canonical.as_bytes()));
    let key = scope.split('/').fold(format!("AWS4{KEY}").into_bytes(), |key, part| mac(&key, part));
    Some(mac(&key, &to_sign).iter().map(|byte| format!("{byte:02x}")).collect())
}

#[test]
fn requests_are_signed_as_the_services_check_it() {
    for service in ["s3", "execute-api"] {
        let api = guarded(move |request| {
            let expected = signature(request, service).unwrap_or_default();
            let needed = ["host", "x-amz-date", "x-amz-security-token"];
            let signed = request.header("authorization").to_owned();
            let content = if service == "s3" { request.header("x-amz-content-sha256").len() } else { 64 };
            needed.iter().all(|name| signed.contains(name))
                && content == 64
                && signed.ends_with(&format!("Signature={expected}"))
                && signed.contains(&format!("/eu-central-1/{service}/aws4_request"))
        });
        let auth = format!(
            ", record: full, auth: {{ sigv4: {{ region: eu-central-1, service: {service}, access-key: AKIDTESTS, secret-key: \
             \"{KEY}\", session-token: session-token-of-it }} }}"
        );
        let project = project(&api.url("/bucket/"), &auth);
        let odd = "apply: { method: PUT, path: \"a b/c+d:e(f)'$\", query: { \"z y\": \"1 +/\", acl: \"\", b: \"~\" }, headers: { X-Two: \"a   b\" }, body: \"text ü\", expect: { status: 200 } }";
        change(&project, 5, "odd", &odd.replace("a   b", "a b"));
        sees_no(&[KEY, "session-token-of-it"], &project);
        assert_eq!(project.state("odd"), "", "it stands behind the one that fails");
        project.remove("changes/_0002__C2.yaml");
        project.json("issue resolve two --applied --reason looked").exits(0);
        project.json("apply").exits(0);
        // What a server repeats of a signature is not told either.
        let calls = project.json("audit show odd --calls").exits(0).stdout;
        let arrived = api.arrived();
        let sent = arrived.last().unwrap().header("authorization").to_owned();
        let signature = sent.rsplit_once('=').unwrap().1.to_owned();
        assert!(signature.len() == 64 && !calls.contains(&signature), "{calls}");
    }
}

#[test]
fn proxies_of_the_environment_are_not_asked() {
    let proxy = Api::start(|_, _| Reply::new(200, "stolen"));
    let api = guarded(|request| request.header("authorization") == format!("Bearer {TOKEN}"));
    let mut project = project(&api.url("/"), &format!(", auth: {{ bearer: {TOKEN} }}"));
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        project.set_variable(name, &proxy.url(""));
    }
    change(&project, 1, "one", ASKS);
    project.applied();
    assert!(proxy.arrived().is_empty());
    assert_eq!(api.arrived().len(), 1);
}
