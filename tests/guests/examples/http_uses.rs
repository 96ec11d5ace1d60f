//! A change to an API that declares the database `second`, and writes to both; `case=fail` gives up after that.

#[sandpiper_sdk::change(
    id = "test-guest-http-uses-00000000000000000001",
    author = "sandpiper-tests",
    target_system = "target",
    uses = ["second"],
    transactional = false
)]
mod change {
    use sandpiper_sdk::prelude::*;

    fn apply(api: &Endpoint, ctx: &Context) -> Result {
        let db = Connection::open("second")?;
        api.post("items").json("{\"name\": \"guest\"}").send()?.error_for_status()?;
        db.execute("CREATE TABLE guest_rows (note TEXT)", params![])?;
        match ctx.variable("case").as_deref() {
            Some("fail") => Err(Error::failed("the guest gave up after a write")),
            _ => Ok(()),
        }
    }

    fn rollback(api: &Endpoint) -> Result {
        Connection::open("second")?.execute("DROP TABLE guest_rows", params![])?;
        api.delete("items/1").send()?.error_for_status()?;
        Ok(())
    }
}
