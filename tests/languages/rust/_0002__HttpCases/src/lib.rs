//! The cases of `tests/languages` that work on an API, in Rust.

#[sandpiper_sdk::change(
    id = "language-http-cases",
    author = "sandpiper-tests",
    target_system = "api",
    description = "the cases of an API in Rust",
    transactional = false,
    uses = ["second"],
    labels = { language = "rust" },
    retry = "2 100ms..100ms"
)]
mod change {
    use std::time::Duration;

    use sandpiper_sdk::http::{self, Endpoint, Method};
    use sandpiper_sdk::prelude::*;

    pub fn apply(api: &Endpoint, ctx: &Context) -> Result {
        run(&ctx.variable("case").unwrap_or("normal".into()), api, ctx)
    }

    pub fn rollback(api: &Endpoint, ctx: &Context) -> Result {
        run(&ctx.variable("rollback").unwrap_or("delete".into()), api, ctx)
    }

    pub fn verify(api: &Endpoint) -> Result<Verdict> {
        let answer = api.get("queues/7").send()?;
        if answer.status() == 404 {
            return Ok(Verdict::NotApplied);
        }
        answer.error_for_status()?;
        Ok(Verdict::Applied)
    }

    fn run(case: &str, api: &Endpoint, ctx: &Context) -> Result {
        match case {
            "normal" => normal(api, ctx)?,
            "delete" => drop(api.delete("queues/7").send()?.error_for_status()?),
            "nothing" => {}
            "methods" => {
                let own = Method::Other("PURGE".into());
                for method in
                    [Method::Get, Method::Head, Method::Post, Method::Put, Method::Patch, Method::Delete, own]
                {
                    api.request(method, "methods").send()?.error_for_status()?;
                }
            }
            "bytes" => {
                let answer = api.post("echo").body(b"\x00\xff\x80").send()?.error_for_status()?;
                see(api, "bytes", &answer.body().iter().map(|byte| format!("{byte:02x}")).collect::<String>())?;
            }
            "not-text" => drop(api.get("bytes").send()?.text()?.to_owned()),
            "missing" => drop(api.get("missing").send()?.error_for_status()?),
            "busy" => drop(api.post("busy").send()?.error_for_status()?),
            "handled" => {
                if let Err(http::Error::Status(409, body)) = api.post("taken").send()?.error_for_status() {
                    see(api, "handled", &format!("409 {body}"))?;
                }
            }
            "stopped" => {
                api.post("stop").send()?;
                api.post("queues").send()?;
            }
            "lost" => drop(api.post("close").send()?),
            "late" => drop(api.post("silence").timeout(Duration::from_millis(200)).send()?),
            "denied" => drop(api.get("../secret").send()?),
            "precondition" => return Err(Error::precondition("as the case says")),
            "failed" => {
                api.post("queues").send()?;
                return Err(Error::failed("as the case says"));
            }
            "transient" => return Err(Error::transient("as the case says")),
            "irreversible" => return Err(Error::irreversible("as the case says")),
            "log" => {
                ctx.warn("a line of the level warn");
                println!("a line that was printed");
            }
            "uses" => {
                let second = Connection::open("second")?;
                for row in second.query("SELECT id, note FROM there ORDER BY id", params![])? {
                    let row = row?;
                    let id: i64 = row.get("id")?;
                    let mut request = api.put(&format!("items/{id}"));
                    if let Some(note) = row.get::<Option<String>>("note")? {
                        request = request.body(note);
                    }
                    let status = request.send()?.error_for_status()?.status();
                    second.execute("INSERT INTO made VALUES (?, ?)", params![id, status])?;
                }
            }
            "undeclared" => drop(Endpoint::open("third")?),
            "trap" => panic!("as the case says"),
            other => return Err(Error::failed(format!("there is no case `{other}`"))),
        }
        Ok(())
    }

    fn see(api: &Endpoint, name: &str, seen: &str) -> Result {
        api.put(&format!("seen/{name}")).body(seen).send()?.error_for_status()?;
        Ok(())
    }

    fn normal(api: &Endpoint, ctx: &Context) -> Result {
        let answer = api
            .post("queues")
            .query("text", "a b&c")
            .query("page", 1)
            .query("page", 2)
            .header("X-Key", ctx.idempotency_key())
            .header("X-Two", "one")
            .header("X-Two", "two")
            .json(r#"{"name": "mail", "size": 1}"#)
            .send()?
            .error_for_status()?;
        see(api, "status", &answer.status().to_string())?;
        see(api, "header", answer.header("x-MADE-by").unwrap_or("none"))?;
        let two = answer.headers().iter().filter(|header| header.name.eq_ignore_ascii_case("x-two"));
        see(api, "headers", &two.map(|header| header.value.as_str()).collect::<Vec<_>>().join(" "))?;
        see(api, "unset", answer.header("x-unset").unwrap_or("none"))?;
        see(api, "text", answer.text()?)?;
        // A document is read with a library of one's own: the SDK has none.
        let id = answer.text()?.split("\"id\": ").nth(1).and_then(|rest| rest.split(',').next());
        see(api, "id", id.unwrap_or("none"))
    }
}
