//! What the change `normalise-customers` does: customers in lower case, also where their letters are not ASCII.
//!
//! It is a component because SQLite's own `lower()` leaves `Å` as it is.

#[sandpiper_sdk::change(id = "normalise-customers", author = "orders-team", target_system = "orders-db")]
mod change {
    use sandpiper_sdk::prelude::*;

    /// How many orders are read, and written back, at a time.
    const BATCH: u32 = 500;

    pub fn apply(db: &Connection, ctx: &Context) -> Result {
        // What the names were: `rollback` needs it, for lower case cannot be taken back.
        db.execute(
            "CREATE TABLE customer_before (id INTEGER PRIMARY KEY, customer TEXT NOT NULL)",
            params![],
        )?;
        let total = db.query_value::<i64>("SELECT count(*) FROM orders", params![])?.unsigned_abs();
        let (mut seen, mut changed) = (0, 0);
        let mut orders = db.query("SELECT id, customer FROM orders ORDER BY id", params![])?;
        loop {
            let batch = orders.next_batch(BATCH)?;
            if batch.is_empty() {
                break;
            }
            seen += batch.len() as u64;
            let (mut before, mut after) = (Vec::new(), Vec::new());
            for row in &batch {
                let (id, customer) = (row.get::<i64>("id")?, row.get::<String>("customer")?);
                let normal = customer.to_lowercase();
                if normal != customer {
                    before.push(params![id, customer]);
                    after.push(params![normal, id]);
                }
            }
            changed += after.len();
            db.execute_many("INSERT INTO customer_before (id, customer) VALUES (?, ?)", before)?;
            db.execute_many("UPDATE orders SET customer = ? WHERE id = ?", after)?;
            ctx.progress(seen, total);
        }
        ctx.info(format!("{changed} of {total} orders were changed"));
        Ok(())
    }

    pub fn rollback(db: &Connection) -> Result {
        db.execute(
            "UPDATE orders SET customer = before.customer FROM customer_before AS before WHERE before.id = orders.id",
            params![],
        )?;
        db.execute("DROP TABLE customer_before", params![])?;
        Ok(())
    }
}
