//! The rules of target systems, stores, limits, plugins and tenants.

use super::*;

#[test]
fn an_unknown_kind_names_the_nearest_and_all() {
    let (code, place, message, help) = only("target-systems: { a: { kind: postgre, url: x } }\n");
    assert_eq!((code, place.as_str(), message.as_str()), ("config::syntax", "3:30", "`kind` is `postgre`"));
    assert!(help.contains("did you mean `postgres`?") && help.contains("`mysql`"));
}

#[test]
fn mariadb_is_mysql() {
    let config = resolve("target-systems: { a: { kind: mariadb, url: 'mariadb://h/d' } }\n");
    assert_eq!(config.systems[0].kind.name(), "mysql");
}

#[test]
fn a_system_without_kind_or_address_is_a_problem() {
    assert!(only("target-systems: { a: { path: x } }\n").2.contains("has no `kind`"));
    assert_eq!(only("target-systems: { a: { kind: sqlite } }\n").2, "`path` is missing");
    assert_eq!(only("target-systems: { a: { kind: postgres } }\n").2, "`url` is missing");
    assert!(only("target-systems: { a: { kind: postgres, url: host } }\n").2.contains("does not begin with"));
    assert!(only("target-systems: { a: { kind: sqlite, path: ':memory:' } }\n").2.contains("memory"));
}

#[test]
fn an_address_that_the_environment_makes_empty_is_a_problem() {
    let (_, place, message, help) =
        only("target-systems: { a: { kind: postgres, url: \"${env:EMPTY}\" } }\n");
    assert_eq!((place.as_str(), message.as_str()), ("3:45", "`url` of the target system `a` is empty"));
    assert!(help.contains("has no value"));
    assert_eq!(only("store: ${env:EMPTY}\n").2, "`store` is empty");
}

#[test]
fn settings_and_record_are_read() {
    let config = resolve(
        "target-systems: { a: { kind: sqlite, path: x, settings: { cache_size: 5 }, record: full } }\n",
    );
    assert_eq!(config.systems[0].settings, [("cache_size".to_owned(), "5".to_owned())]);
    assert!(config.systems[0].record_full);
}

#[test]
fn every_way_to_authorise_is_read() {
    let auth = |yaml: &str| {
        let config = resolve(&format!(
            "target-systems: {{ a: {{ kind: http, base-url: http://x/, auth: {yaml} }} }}\n"
        ));
        match config.systems[0].kind.clone() {
            SystemKind::Http { auth: Some(auth), .. } => auth,
            other => panic!("{other:?}"),
        }
    };
    let text = str::to_owned;
    assert!(auth("{ bearer: secret-token }") == Auth::Bearer(text("secret-token")));
    assert!(
        auth("{ basic: { user: u, password: p } }") == Auth::Basic { user: text("u"), password: text("p") }
    );
    assert!(
        auth("{ header: { name: X-Key, value: v } }")
            == Auth::Header { name: text("X-Key"), value: text("v") }
    );
    let oauth = auth("{ oauth2: { token-url: http://t, client-id: c, client-secret: s, scopes: [a, b] } }");
    assert!(matches!(oauth, Auth::OAuth2 { scopes, .. } if scopes == ["a", "b"]));
    let sigv4 = auth("{ sigv4: { region: r, service: s3, access-key: a, secret-key: k } }");
    assert!(matches!(sigv4, Auth::SigV4 { session_token: None, .. }));
}

#[test]
fn auth_is_exactly_one_way() {
    let of = |auth: &str| {
        only(&format!("target-systems: {{ a: {{ kind: http, base-url: http://x, auth: {auth} }} }}\n")).2
    };
    assert_eq!(of("{ bearer: x, basic: { user: u, password: p } }"), "`auth` has 2 ways to authorise");
    assert_eq!(of("{}"), "`auth` has 0 ways to authorise");
}

#[test]
fn a_store_is_an_address_or_a_target_system() {
    let store = |text: &str| {
        resolve(&format!("target-systems: {{ db: {{ kind: sqlite, path: x }} }}\nstore: {text}\n")).store
    };
    assert_eq!(store("db"), StoreConfig::System("db".into()));
    assert_eq!(store("postgres://h/d"), StoreConfig::Postgres { url: "postgres://h/d".to_owned() });
    assert_eq!(store("mysql://h/d"), StoreConfig::Mysql { url: "mysql://h/d".to_owned() });
    assert_eq!(store("sqlite:///abs/x.db"), StoreConfig::Sqlite { path: "/abs/x.db".into() });
    let (_, place, _, help) =
        only("target-systems: { orders-db: { kind: sqlite, path: x } }\nstore: order-db\n");
    assert_eq!((place.as_str(), help.as_str()), ("4:8", "did you mean the target system `orders-db`?"));
}

#[test]
fn a_tenant_has_variables_of_its_own() {
    let fixture = Fixture::new(&format!("{BASE}{TENANTS}"));
    let acme = fixture.resolve_for(Some("acme")).unwrap();
    assert_eq!((acme.variables["tenant"].as_str(), acme.variables["schema"].as_str()), ("acme", "of_acme"));
    let SystemKind::Sqlite { path } = &acme.system("db").unwrap().kind else { panic!() };
    assert!(path.ends_with("db/acme.db"));
    assert_eq!(acme.scope().tenant.as_deref(), Some("acme"));
    assert_eq!(fixture.resolve_for(Some("globex")).unwrap().variables["schema"], "g");
}

#[test]
fn without_a_tenant_what_depends_on_one_awaits_it() {
    let config = Fixture::new(&format!("{BASE}{TENANTS}")).resolve();
    assert_eq!(config.tenants, Tenants::Named(vec!["acme".to_owned(), "globex".to_owned()]));
    assert!(config.system("db").unwrap().awaits_tenant && !config.system("one").unwrap().awaits_tenant);
    assert_eq!(config.awaited_variables, ["schema", "tenant"]);
    let config = Fixture::new(&format!("{BASE}{TENANTS}store: db\n")).resolve();
    assert!(config.store_awaits_tenant);
}

#[test]
fn an_unknown_tenant_names_the_nearest() {
    let fixture = Fixture::new(&format!("{BASE}{TENANTS}"));
    assert_eq!(
        fixture.resolve_for(Some("acm")).unwrap_err()[0].help.as_deref(),
        Some("did you mean `acme`?")
    );
}

#[test]
fn tenants_may_come_from_a_query() {
    let system = "target-systems: { db: { kind: sqlite, path: x } }\n";
    let config = resolve(&format!("{system}tenants: {{ query: SELECT 1, target-system: db }}\n"));
    assert!(
        matches!(config.tenants, Tenants::Query { query, target_system, .. } if query == "SELECT 1" && target_system.as_str() == "db")
    );
    assert_eq!(
        only(&format!("{system}tenants: {{ query: SELECT 1, target-system: bd }}\n")).3,
        "did you mean `db`?"
    );
    assert!(only("tenants: acme\n").2.contains("a list is expected"));
    assert!(only("tenants: [a, a]\n").2.contains("twice"));
}

#[test]
fn limits_and_lock_are_read() {
    let config =
        resolve("limits: { deadline: 1m30s, memory: 1GiB, handles: 5 }\nlock: { lease: 2s, wait: 0s }\n");
    assert_eq!(config.limits.deadline, Duration::from_secs(90));
    assert_eq!((config.limits.memory, config.limits.handles, config.limits.log), (1 << 30, 5, 1 << 20));
    assert_eq!((config.lock.lease, config.lock.wait), (Duration::from_secs(2), Duration::ZERO));
    assert!(only("lock: { lease: 0s }\n").3.contains("at least"));
    assert!(only("pipeline2: x\n").0 == "config::unknown-key");
}

#[test]
fn plugins_are_files_relative_to_the_configuration() {
    let fixture =
        Fixture::new(&format!("{BASE}templates: {{ seed: seed.wasm }}\nlanguages: {{ js: seed.wasm }}\n"));
    std::fs::write(fixture.path().join("seed.wasm"), "x").unwrap();
    let config = fixture.resolve();
    assert_eq!(
        (config.templates[0].name.as_str(), &config.languages[0].path),
        ("seed", &fixture.path().join("seed.wasm"))
    );
    assert_eq!(only("templates: { seed: nowhere.wasm }\n").0, "config::not-found");
}

#[test]
fn a_url_is_a_system_where_there_is_no_configuration() {
    let system = |url| system_of_url(url, Path::new("/base"));
    assert_eq!(system("sqlite:app.db").unwrap().kind, SystemKind::Sqlite { path: "/base/app.db".into() });
    assert_eq!(system("postgres://me:secret@h/d").unwrap().name.as_str(), "postgres://me:***@h/d");
    let problem = system("orders-db").unwrap_err();
    assert_eq!(problem.code, "change::unknown-target");
    assert!(problem.help.unwrap().contains("`sqlite:app.db`"));
}
