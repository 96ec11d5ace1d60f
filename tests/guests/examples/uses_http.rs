//! A change to a database that declares the API `second`: it copies lines of `items` into a table, or does what the
//! variable `case` says.

#[sandpiper_sdk::change(
    id = "test-guest-uses-http-00000000000000000001",
    author = "sandpiper-tests",
    target_system = "target",
    uses = ["second"]
)]
mod change {
    use sandpiper_sdk::prelude::*;

    fn apply(db: &Connection, ctx: &Context) -> Result {
        let api = Endpoint::open("second")?;
        let answer = api.get("items").query("after", "0").send()?.error_for_status()?;
        db.execute("CREATE TABLE guest_rows (note TEXT)", params![])?;
        for line in answer.text()?.lines() {
            db.execute("INSERT INTO guest_rows (note) VALUES (?)", params![line])?;
        }
        match ctx.variable("case").as_deref() {
            Some("head") => {
                api.head("items").send()?.error_for_status()?;
            }
            Some("write") => {
                api.post("items").body("more").send()?.error_for_status()?;
            }
            Some("override") => {
                api.get("items").header("X-HTTP-Method-Override", "DELETE").send()?;
            }
            _ => {}
        }
        Ok(())
    }

    fn rollback(db: &Connection) -> Result {
        db.execute("DROP TABLE guest_rows", params![])?;
        Ok(())
    }
}
