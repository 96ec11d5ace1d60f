//! A change to an HTTP API, which behaves as the variable `case` says.

#[sandpiper_sdk::change(
    id = "test-guest-http-000000000000000000000001",
    author = "sandpiper-tests",
    target_system = "target"
)]
mod change {
    use sandpiper_sdk::http::Method;
    use sandpiper_sdk::prelude::*;
    use std::time::Duration;

    fn apply(api: &Endpoint, ctx: &Context) -> Result {
        match ctx.variable("case").as_deref() {
            None | Some("normal") => {
                let key = ctx.idempotency_key();
                api.post("items")
                    .header("Idempotency-Key", key)
                    .json("{\"name\": \"guest\"}")
                    .send()?
                    .error_for_status()?;
                Ok(())
            }
            Some("get") => {
                let path = ctx.required_variable("path")?;
                let answer = api.get(&path).query("q", "a b&c=d").timeout(Duration::from_secs(5)).send()?;
                ctx.info(format!(
                    "{} {:?} {:?}",
                    answer.status(),
                    answer.header("content-type"),
                    answer.text()
                ));
                answer.error_for_status()?;
                Ok(())
            }
            Some("header") => {
                let name = ctx.required_variable("name")?;
                let value = ctx.required_variable("value")?;
                api.get("items").header(name, value).send()?;
                Ok(())
            }
            Some("method") => {
                let method = Method::Other(ctx.required_variable("method")?);
                api.request(method, "items").send()?;
                Ok(())
            }
            Some("huge-body") => {
                api.put("items").body(vec![b'a'; 64 << 20]).send()?;
                Ok(())
            }
            Some("fail-after-write") => {
                api.post("items").body("{}").send()?.error_for_status()?;
                Err(Error::failed("the guest gave up after a write"))
            }
            Some(unknown) => Err(Error::failed(format!("the guest knows no case `{unknown}`"))),
        }
    }

    fn rollback(api: &Endpoint, ctx: &Context) -> Result {
        let key = ctx.idempotency_key();
        api.delete("items/guest").header("Idempotency-Key", key).send()?.error_for_status()?;
        Ok(())
    }
}
