//! Makes as many calls to a database as the variable `count` says.

#[sandpiper_sdk::change(id = "released-calls", author = "sandpiper-tests", target_system = "target")]
mod change {
    use sandpiper_sdk::prelude::*;

    pub fn apply(db: &Connection, ctx: &Context) -> Result {
        let count: i64 = ctx.variable("count").unwrap_or("3".into()).parse()?;
        db.execute("CREATE TABLE calls (id INTEGER PRIMARY KEY, note TEXT)", params![])?;
        for id in 1..=count {
            db.execute("INSERT INTO calls VALUES (?, ?)", params![id, "as the author says"])?;
        }
        let made = db.query_value::<i64>("SELECT count(*) FROM calls", params![])?;
        ctx.info(format!("{made} calls"));
        Ok(())
    }

    pub fn rollback(db: &Connection) -> Result {
        db.execute("DROP TABLE calls", params![])?;
        Ok(())
    }

    pub fn verify(db: &Connection) -> Result<bool> {
        let there = "SELECT count(*) FROM sqlite_master WHERE name = 'calls'";
        Ok(db.query_value::<i64>(there, params![])? == 1)
    }
}
