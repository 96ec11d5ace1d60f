//! The rules of what a data file declares, and of its steps.

use super::*;

#[test]
fn a_sql_header_declares_the_change() {
    let text = "-- first\n-- sandpiper: id=a author=\"Ada L\" target-system=db transactional=false \
        recovery=always-retry cadence=on-change uses=crm,db labels=\"team=x, urgent\" description=\"two words\" \
        when=\"region == eu\" retry=3 template=sql-template configuration=\"{ split-statements: true }\" order=0001\n\
        SELECT 1;\n";
    let (project, file) = loaded("_0001__A.sql", text);
    let info = file.info().unwrap();
    assert_eq!((&*info.author, info.transactional), ("Ada L", Some(false)));
    assert_eq!((info.recovery, info.cadence), (Recovery::AlwaysRetry, Cadence::OnChange));
    assert_eq!(info.uses, ["crm".into(), "db".into()]);
    assert_eq!(info.labels, [("team".to_owned(), "x".to_owned()), ("urgent".to_owned(), String::new())]);
    assert_eq!(info.description.as_deref(), Some("two words"));
    assert!(project.config.holds(info.when.as_ref().unwrap()));
    assert_eq!(info.retry.unwrap().attempts, 3);
    let change = file.data(&project.config).unwrap().unwrap();
    assert_eq!(
        (change.template.as_str(), change.configuration.json()),
        ("sql", r#"{"split-statements":true}"#)
    );
}

#[test]
fn a_sql_file_has_sections() {
    let text = format!(
        "{}-- apply\nCREATE x;\r\n-- rollback\nDROP é;\n-- verify\nSELECT 1;\n",
        SQL.replace("SELECT 1;\n", "")
    );
    let change = data("_0001__A.sql", &text);
    let [step] = change.steps.as_slice() else { panic!() };
    assert_eq!(step.apply.json(), r#""CREATE x;\r\n""#);
    assert_eq!(step.rollback.as_ref().unwrap().json(), "\"DROP é;\\n\"");
    assert_eq!(change.verify.unwrap().json(), r#""SELECT 1;\n""#);
    let place = step.rollback.as_ref().unwrap().locate("", Some("DROP é".len()));
    assert_eq!((place.line, place.column, place.excerpt.as_deref()), (Some(5), Some(7), Some("DROP é;")));
}

#[test]
fn everything_wrong_in_a_header_is_told_at_once() {
    let found = problems(&[(
        "changes/_0001__CreateOrders.sql",
        "-- sandpiper: recovry=x cadence=sometimes transactional=maybe\nSELECT 1;\n",
    )]);
    let messages: Vec<_> = found.iter().map(|(_, _, message, _)| message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "a header has no key `recovry`",
            "`cadence` is `sometimes`",
            "`transactional` is `maybe`",
            "`id` is missing",
            "`author` is missing",
            "`target-system` is missing",
        ]
    );
    assert_eq!(found[0].3, "did you mean `recovery`?");
    assert_eq!(found[1].1, "_0001__CreateOrders.sql:1:33");
    assert!(found[3].3.contains("`id=create-orders`"));
}

#[test]
fn a_sql_file_without_header_says_how_to_write_one() {
    let (code, place, message, help) = only(&[("changes/_0001__CreateOrders.sql", "SELECT 1;\n")]);
    assert_eq!(
        (code, place.as_str(), message.as_str()),
        ("change::syntax", "_0001__CreateOrders.sql:1:1", "the file has no header")
    );
    assert!(help.contains("-- sandpiper: id=create-orders author="));
}

#[test]
fn sections_have_no_keys_in_the_header() {
    let text = SQL.replace("target-system=db", "target-system=db apply=x");
    assert!(only(&[("changes/_0001__A.sql", &text)]).3.contains("`-- apply`"));
}

#[test]
fn an_unknown_target_system_names_the_nearest() {
    let (code, place, _, help) = only(&[("changes/_0001__A.sql", &SQL.replace("=db", "=dbb"))]);
    assert_eq!(
        (code, place.as_str(), help.as_str()),
        ("change::unknown-target", "_0001__A.sql:1:44", "did you mean `db`?")
    );
    assert_eq!(only(&[("changes/_0001__A.yaml", &yaml("uses: crmm\napply: x\n"))]).1, "_0001__A.yaml:4:7");
}

#[test]
fn a_yaml_change_declares_itself() {
    let text = yaml(
        "description: d\ntransactional: true\nrecovery: manual-intervention\ncadence: always\nuses: [crm]\n\
        labels: { team: x }\nwhen: { region: [eu, us] }\nretry: { attempts: 2, backoff: 5s..1m }\ntemplate: sql\n\
        configuration: { split-statements: true }\napply: SELECT 1\nrollback: SELECT 2\nverify: SELECT 3\n",
    );
    let (project, file) = loaded("_0001__A.yaml", &text);
    let change = file.data(&project.config).unwrap().unwrap();
    assert_eq!((change.info.transactional, change.info.cadence), (Some(true), Cadence::Always));
    assert_eq!(change.info.labels, [("team".to_owned(), "x".to_owned())]);
    assert_eq!(change.info.retry, Some(crate::project::read_retry("2 5s..1m").unwrap()));
    assert!(project.config.holds(change.info.when.as_ref().unwrap()));
    assert_eq!(change.configuration.json(), r#"{"split-statements":true}"#);
    assert_eq!(change.steps[0].apply.json(), r#""SELECT 1""#);
    assert_eq!(change.steps[0].rollback.as_ref().unwrap().json(), r#""SELECT 2""#);
    assert_eq!(change.verify.unwrap().json(), r#""SELECT 3""#);
}

#[test]
fn a_flamingock_change_loads_as_it_is() {
    let text = "id: add-status\nauthor: backend-team\ntransactional: true\ntemplate: sql-template\n\
        targetSystem:\n  id: db\nconfiguration: {}\nrecovery:\n  strategy: ALWAYS_RETRY\n\
        steps:\n  - apply: |\n      SELECT 1;\n    rollback: SELECT 2;\n  - apply: SELECT 3;\n";
    let change = data("_0001__A.yaml", text);
    assert_eq!((change.template.as_str(), change.info.recovery), ("sql", Recovery::AlwaysRetry));
    assert_eq!(change.info.target_system.as_str(), "db");
    assert_eq!(change.steps.len(), 2);
    assert_eq!(change.steps[0].apply.json(), r#""SELECT 1;\n""#);
    assert!(change.steps[1].rollback.is_none());
}

#[test]
fn everything_wrong_in_a_yaml_change_is_told_at_once() {
    let found = problems(&[(
        "changes/_0001__A.yml",
        "author: [x]\ntargetSystem: {}\nrecovery: retry-always\nbanana: 1\ntransactional: yes\n",
    )]);
    let messages: Vec<_> = found.iter().map(|(_, _, message, _)| message.as_str()).collect();
    assert_eq!(messages.len(), 7, "{messages:#?}");
    for part in [
        "no key `banana`",
        "`author` is a list",
        "no `id`",
        "is `yes`",
        "`apply` is missing",
        "`id` is missing",
        "`recovery` is",
    ] {
        assert!(messages.iter().any(|message| message.contains(part)), "{part}: {messages:#?}");
    }
    assert!(found.iter().all(|(code, ..)| *code == "change::syntax"));
}

#[test]
fn a_duplicate_key_in_a_change_is_a_syntax_error() {
    let (code, place, ..) = only(&[("changes/_0001__A.yaml", &yaml("apply: x\napply: y\n"))]);
    assert_eq!((code, place.as_str()), ("change::syntax", "_0001__A.yaml:5:1"));
}

#[test]
fn an_order_in_the_file_agrees_with_its_name() {
    assert!(problems(&[("changes/_0001__A.yaml", &yaml("order: 0001\napply: x\n"))]).is_empty());
    assert!(only(&[("changes/_0001__A.yaml", &yaml("order: '0002'\napply: x\n"))]).2.contains("`0001`"));
}

#[test]
fn both_spellings_of_a_header_key_are_a_problem() {
    let text = SQL.replace("target-system=db", "target-system=db targetSystem=crm");
    assert_eq!(only(&[("changes/_0001__A.sql", &text)]).2, "the header says `target-system` twice");
}
