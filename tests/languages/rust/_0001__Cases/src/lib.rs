//! The cases of `tests/languages`, in Rust.

#[sandpiper_sdk::change(
    id = "language-cases",
    author = "sandpiper-tests",
    target_system = "target",
    description = "the cases in Rust",
    transactional = false,
    uses = ["second"],
    labels = { language = "rust" },
    retry = "2 100ms..100ms"
)]
mod change {
    use sandpiper_sdk::prelude::*;
    use sandpiper_sdk::Level;

    pub fn apply(db: &Connection, ctx: &Context) -> Result {
        run(&ctx.variable("case").unwrap_or("normal".into()), db, ctx)
    }

    pub fn rollback(db: &Connection, ctx: &Context) -> Result {
        run(&ctx.variable("rollback").unwrap_or("drop".into()), db, ctx)
    }

    pub fn verify(db: &Connection, ctx: &Context) -> Result<Verdict> {
        Ok(match ctx.variable("verdict").as_deref() {
            Some("applied") => Verdict::Applied,
            Some("not-applied") => Verdict::NotApplied,
            Some("partly-applied") => Verdict::PartlyApplied,
            Some("unknown") => Verdict::Unknown,
            _ => {
                let there = "SELECT count(*) FROM sqlite_master WHERE name = 'case_rows'";
                return Ok(if db.query_value::<i64>(there, params![])? == 1 {
                    Verdict::Applied
                } else {
                    Verdict::NotApplied
                });
            }
        })
    }

    fn run(case: &str, db: &Connection, ctx: &Context) -> Result {
        match case {
            "normal" => {
                db.run_script("CREATE TABLE case_rows (id INTEGER PRIMARY KEY, note TEXT);")?;
                db.execute("INSERT INTO case_rows VALUES (?, ?)", params![1, "first"])?;
                db.execute("INSERT INTO case_rows VALUES (?, ?)", params![2, None::<&str>])?;
                see(db, "rows", &db.query_value::<i64>("SELECT count(*) FROM case_rows", params![])?.to_string())?;
            }
            "drop" => {
                for table in ["case_rows", "case_values", "case_seen", "case_steps"] {
                    db.execute(&format!("DROP TABLE IF EXISTS {table}"), params![])?;
                }
            }
            "values" => values(db)?,
            "cursor" => {
                db.execute("CREATE TABLE case_rows (id INTEGER PRIMARY KEY, note TEXT)", params![])?;
                let rows = (1..=1_200).map(|id| params![id, format!("row {id}")]);
                let affected = db.execute_many("INSERT INTO case_rows VALUES (?, ?)", rows)?;
                let (mut count, mut sum) = (0, 0);
                for row in db.query("SELECT id FROM case_rows ORDER BY id", params![])?.batch_size(7) {
                    count += 1;
                    sum += row?.get::<i64>("id")?;
                }
                see(db, "cursor", &format!("{affected} {count} {sum}"))?;
            }
            "refused" => drop(db.query("SELECT * FROM no_such_table", params![])?),
            "one-of-many" => drop(db.query_one("SELECT 1 UNION SELECT 2", params![])?),
            "precondition" => return Err(Error::precondition("as the case says")),
            "failed" => return Err(Error::failed("as the case says")),
            "failed-after-write" => {
                db.execute("CREATE TABLE case_rows (id INTEGER PRIMARY KEY)", params![])?;
                return Err(Error::failed("as the case says"));
            }
            "transient" => return Err(Error::transient("as the case says")),
            "irreversible" => return Err(Error::irreversible("as the case says")),
            "log" => {
                for (level, name) in [
                    (Level::Trace, "trace"),
                    (Level::Debug, "debug"),
                    (Level::Info, "info"),
                    (Level::Warn, "warn"),
                    (Level::Error, "error"),
                ] {
                    ctx.log(level, format!("a line of the level {name}"));
                }
                println!("a line that was printed");
            }
            "progress" => (0..=10).for_each(|done| ctx.progress(done, 10)),
            "context" => {
                see(db, "attempt", &ctx.attempt().to_string())?;
                see(db, "key", if ctx.idempotency_key().len() > 10 { "long" } else { "short" })?;
                see(db, "tenant", ctx.tenant().as_deref().unwrap_or("none"))?;
                see(db, "unset", ctx.variable("no such variable").as_deref().unwrap_or("none"))?;
                see(db, "checkpoint", if ctx.load_checkpoint().is_some() { "some" } else { "none" })?;
                see(db, "cancelled", if ctx.is_cancelled() { "yes" } else { "no" })?;
                see(db, "dialect", &db.dialect())?;
            }
            "required" => drop(ctx.required_variable("no-such-variable")?),
            "steps" => steps(db, ctx)?,
            "trap" => panic!("as the case says"),
            "endless" => loop {
                std::hint::black_box(());
            },
            "memory" => {
                let mut held = Vec::new();
                loop {
                    held.push(vec![1_u8; 1 << 20]);
                }
            }
            "uses" => {
                db.execute("CREATE TABLE case_rows (id INTEGER PRIMARY KEY, note TEXT)", params![])?;
                for row in Connection::open("second")?.query("SELECT id, note FROM there", params![])? {
                    db.execute("INSERT INTO case_rows VALUES (?, ?)", row?.values())?;
                }
            }
            "undeclared" => drop(Connection::open("third")?),
            other => return Err(Error::failed(format!("there is no case `{other}`"))),
        }
        Ok(())
    }

    fn see(db: &Connection, name: &str, seen: &str) -> Result {
        db.execute("CREATE TABLE IF NOT EXISTS case_seen (name TEXT, seen TEXT)", params![])?;
        db.execute("INSERT INTO case_seen VALUES (?, ?)", params![name, seen])?;
        Ok(())
    }

    fn values(db: &Connection) -> Result {
        db.execute("CREATE TABLE case_values (a, b, c, d, e, f, g, h, i, j, k, l, m)", params![])?;
        db.execute(
            "INSERT INTO case_values VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                true,
                i64::MIN,
                0.1,
                Value::decimal("12345678901234567890.0123456789"),
                "gr\u{fc}n \u{1f426} 'quoted' \\ ?",
                b"\x00\xff\x80",
                Value::uuid("0191e6b2-6d3c-7c4e-8f00-0123456789ab"),
                Value::date("2026-02-28"),
                Value::time("23:59:59"),
                Value::timestamp("2026-02-28T23:59:59"),
                Value::json("{\"a\": [1, null]}"),
                Value::other("point", "(1,2)"),
                None::<i64>,
            ],
        )?;
        let row = db.query_one("SELECT * FROM case_values", params![])?;
        for (column, value) in row.columns().iter().zip(row.values()) {
            let seen = match value {
                Value::Null => "null".to_owned(),
                Value::Integer(number) => format!("integer {number}"),
                Value::Double(number) => format!("double {number}"),
                Value::Text(text) => format!("text {text}"),
                Value::Bytes(bytes) => {
                    format!("bytes {}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
                }
                other => format!("another kind: {other:?}"),
            };
            see(db, &column.name, &seen)?;
        }
        Ok(())
    }

    /// Goes on after the checkpoint; the first attempt fails before the fourth step.
    fn steps(db: &Connection, ctx: &Context) -> Result {
        db.execute("CREATE TABLE IF NOT EXISTS case_steps (step INTEGER, attempt INTEGER)", params![])?;
        let done = ctx.load_checkpoint().and_then(|data| String::from_utf8(data).ok());
        let first = done.and_then(|text| text.parse().ok()).unwrap_or(0) + 1;
        for step in first..=6_i64 {
            if step == 4 && ctx.variable("stop").is_some() {
                return Err(Error::failed("as the case says"));
            }
            db.execute("INSERT INTO case_steps VALUES (?, ?)", params![step, ctx.attempt()])?;
            ctx.save_checkpoint(step.to_string())?;
        }
        Ok(())
    }
}
