//! What is wrong with a file or with the configuration is told before anybody is asked, with file, line and column.

use sandpiper_tests::Outcome;

use crate::{Place, project};

/// The problems of a project as `LINE:COLUMN message`.
#[track_caller]
fn problems(outcome: &Outcome) -> Vec<String> {
    let all = outcome.at("/error/problems");
    let all = all.as_array().unwrap_or_else(|| panic!("no problems in\n{outcome}"));
    all.iter()
        .map(|it| format!("{}:{} {}", it["line"], it["column"], it["message"].as_str().unwrap()))
        .collect()
}

#[test]
fn a_step_is_looked_at_before_anything_runs() {
    let place = Place::new();
    let body = "apply:\n  method: POST\n  pth: items\n  expect: { status: okay, json: { data/id: 1 } }\n  capture: { id: $.id }\n\
                verify: { method: DELETE, path: items }";
    place.change(1, "mail", body);
    for line in ["validate", "apply"] {
        let outcome = place.project.json(line).exits(2);
        assert_eq!(
            problems(&outcome),
            [
                "6:8 unknown key `pth` in a request",
                "5:3 `path` is missing",
                "7:21 `okay` is no status",
                "7:44 the JSON pointer `data/id` does not begin with `/`",
                "8:18 the JSON pointer `$.id` does not begin with `/`",
                "9:19 `verify` sends DELETE, which may write"
            ]
        );
        assert_eq!(outcome.at("/error/problems/0/help"), "did you mean `path`?");
        assert_eq!(outcome.at("/error/problems/0/file"), "changes/_0001__C1.yaml");
    }
    assert!(place.api.arrived().is_empty());
    assert!(!place.project.has(".sandpiper"));
}

#[test]
fn the_configuration_of_the_template_is_looked_at() {
    let place = Place::new();
    place.change(1, "mail", "configuration: { idempotency: true }\napply: { method: GET, path: items }");
    let outcome = place.project.json("validate").exits(2);
    assert!(outcome.text("/error/problems/0/message").contains("idempotency"), "{outcome}");
}

#[test]
fn a_template_for_databases_does_not_fit_an_api() {
    let place = Place::new();
    place.change(1, "mail", "template: sql\napply: SELECT 1");
    let outcome = place.project.json("validate").exits(2);
    assert!(outcome.text("/error/problems/0/message").contains("sandpiper:http/runner"), "{outcome}");
}

#[test]
fn what_is_wrong_with_an_api_is_told_without_its_secrets() {
    for (url, more, words) in [
        ("https://me:secret-word@api.example/", "", "user"),
        ("https://api.example/?key=secret-word", "", "query"),
        ("api.example", "", "https://"),
        ("https://api.example/../x", "", "leave"),
        ("https://api.example:0/", "", "port"),
        ("https://api.example/", ", auth: { bearer: \"secret-word\\nx\" }", "line end"),
        ("https://api.example/", ", auth: { header: { name: \"X Key\", value: secret-word } }", "header"),
        (
            "https://api.example/",
            ", auth: { oauth2: { token-url: nowhere, client-id: a, client-secret: secret-word } }",
            "token-url",
        ),
        (
            "https://api.example/",
            ", auth: { sigv4: { region: \"\", service: s3, access-key: a, secret-key: secret-word } }",
            "region",
        ),
        ("https://api.example/", ", settings: { sslcert: me.pem }", "go together"),
        ("https://api.example/", ", settings: { redirects: all }", "same-origin"),
        ("https://api.example/", ", settings: { timout: 5 }", "timout"),
    ] {
        let project = project(url, more);
        let outcome = project.json("validate").exits(2);
        assert!(outcome.stdout.contains(words), "{words} in\n{outcome}");
        assert!(!outcome.stdout.contains("secret-word"), "{outcome}");
        assert!(!project.run("validate").stderr.contains("secret-word"));
    }
}
