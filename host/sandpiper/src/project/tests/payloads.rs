//! The rules of payloads, their variables and places, and of systems named by URL.

use super::*;

#[test]
fn the_template_fits_the_system_when_none_is_named() {
    assert_eq!(data("_0001__A.yaml", &yaml("apply: x\n")).template, "sql");
    let http = yaml("apply: { method: GET, path: / }\n").replace("target-system: db", "target-system: crm");
    let change = data("_0001__A.yaml", &http);
    assert_eq!(
        (change.template.as_str(), change.steps[0].apply.json()),
        ("http", r#"{"method":"GET","path":"/"}"#)
    );
}

#[test]
fn variables_are_replaced_in_payloads_and_nothing_else() {
    let apply = |text: &str| {
        data("_0001__A.yaml", &yaml(&format!("apply: '{text}'\n"))).steps[0].apply.json().to_owned()
    };
    assert_eq!(apply("a ${var:region} b ${var:n:-x}"), r#""a eu b 7""#);
    assert_eq!(apply("${var:none:-d}"), r#""d""#);
    assert_eq!(apply("$${var:region} $${env:X}"), r#""${var:region} ${env:X}""#);
    for same in ["${x}", "$$", "$${", "${", "${var:", "$${\\a\\}$$::jsonb", "${ ${x} }"] {
        assert_eq!(apply(same), json_text(same), "{same}");
    }
    assert_eq!(apply("${ ${var:n} }"), r#""${ 7 }""#);
    let typed = data(
        "_0001__A.yaml",
        &yaml(
            "apply: { a: \"${var:n}\", ${var:n}: 1, b: 2 }\n"
                .replace("${var:n}: 1", "'${var:n}': 1")
                .as_str(),
        ),
    );
    assert_eq!(typed.steps[0].apply.json(), r#"{"a":"7","${var:n}":1,"b":2}"#);
}

#[test]
fn a_variable_in_a_payload_must_be_set() {
    let found =
        data_problems("_0001__A.yaml", &yaml("apply: |\n  SELECT 1;\n  SELECT ${var:regoin}, ${var:no};\n"));
    assert_eq!(
        (found[0].0, found[0].1.as_str(), found[0].3.as_str()),
        ("config::unset-variable", "_0001__A.yaml:6:10", "did you mean `${var:region}`?")
    );
    assert_eq!((found.len(), found[1].1.as_str()), (2, "_0001__A.yaml:6:25"));
    let found = data_problems("_0001__A.sql", &SQL.replace("SELECT 1", "SELECT ${var:no}"));
    assert_eq!((found[0].0, found[0].1.as_str()), ("config::unset-variable", "_0001__A.sql:2:8"));
}

#[test]
fn the_environment_and_files_are_refused_in_payloads() {
    let found =
        data_problems("_0001__A.sql", &SQL.replace("SELECT 1", "SELECT '${env:HOME}', '${file:/etc/x}'"));
    let short: Vec<_> = found.iter().map(|(code, place, ..)| (*code, place.as_str())).collect();
    assert_eq!(short, [("change::syntax", "_0001__A.sql:2:9"), ("change::syntax", "_0001__A.sql:2:24")]);
}

#[test]
fn a_place_in_a_payload_leads_back_to_the_file_past_variables() {
    let text =
        yaml("apply:\n  path: 'x'\n  body:\n    - |\n      one\n      ${var:region}${var:region} BAD\n");
    let payload = data("_0001__A.yaml", &text).steps[0].apply.clone();
    let value: serde_json::Value = serde_json::from_str(payload.json()).unwrap();
    let offset = value["body"][0].as_str().unwrap().find("BAD").unwrap();
    let at = |place: Place| (place.line.unwrap(), place.column.unwrap());
    assert_eq!(at(payload.locate("/body/0", Some(offset))), (9, 34));
    assert_eq!(at(payload.locate("/body/0", Some(5))), (9, 7));
    assert_eq!(at(payload.locate("/path", None)), (5, 9));
    assert_eq!(at(payload.locate("/body/0/none", Some(3))), (8, 7));
    assert_eq!(at(payload.locate("", None)), (5, 3));
}

#[test]
fn without_configuration_a_data_file_names_its_system_by_url() {
    let folder = tempfile::tempdir().unwrap();
    let text = SQL.replace("=db", "=\"mysql://me:hunter22@h/d\"");
    std::fs::write(folder.path().join("_0001__A.sql"), text).unwrap();
    std::fs::write(
        folder.path().join("_0002__B.yaml"),
        "id: b\nauthor: me\ntarget-system: sqlite:app.db\napply: x\n",
    )
    .unwrap();
    let secrets = Secrets::new();
    let config =
        ConfigFile::of_folder(folder.path(), Overrides::default()).unwrap().resolve(None, &secrets).unwrap();
    let project = load_config(config, &secrets).into_result().unwrap();
    let names: Vec<_> = project.config.systems.iter().map(|system| system.name.as_str()).collect();
    assert_eq!(names, ["mysql://me:***@h/d", "sqlite:app.db"]);
    assert_eq!(project.stages[0].files[0].info().unwrap().target_system.as_str(), names[0]);
    assert_eq!(secrets.redact("hunter22"), "***");
}

#[test]
fn with_a_configuration_a_url_is_no_system_and_its_password_stays_hidden() {
    let (code, _, message, _) =
        only(&[("changes/_0001__A.sql", &SQL.replace("=db", "=\"mysql://me:hunter22@h/d\""))]);
    assert_eq!(code, "change::unknown-target");
    assert!(!message.contains("hunter22"));
}

#[test]
fn an_artifact_is_read_again_from_its_bytes() {
    let (project, file) = loaded("_0001__A.sql", SQL);
    let data = read_data(&file.name, &file.shown, &file.bytes().unwrap()).unwrap();
    assert_eq!(data.info, *file.info().unwrap());
    assert_eq!(data.template(&project.config), "sql");
}
