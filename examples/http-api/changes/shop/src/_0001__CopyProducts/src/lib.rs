//! What the change `copy-products` does: the products of the catalogue become rows of a table.
//!
//! The table and its rows commit together, with the entry in the audit. The catalogue is only read: in a transaction
//! every other request to it is refused.

#[sandpiper_sdk::change(
    id = "copy-products",
    author = "shop-team",
    target_system = "shop-db",
    uses = ["catalogue"]
)]
mod change {
    use sandpiper_sdk::prelude::*;
    use serde_json::Value as Json;

    pub fn apply(db: &Connection, ctx: &Context) -> Result {
        let catalogue = Endpoint::open("catalogue")?;
        let answer = catalogue.get("products").send()?.error_for_status()?;
        let answer: Json = serde_json::from_slice(answer.body())?;
        let products = answer["data"].as_array().ok_or_else(|| Error::precondition("the answer has no `data`"))?;
        db.execute(
            "CREATE TABLE product (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price TEXT NOT NULL)",
            params![],
        )?;
        let rows: Vec<_> = products.iter().filter_map(row).collect();
        ctx.info(format!("{} of {} products are copied", rows.len(), products.len()));
        db.execute_many("INSERT INTO product (id, name, price) VALUES (?, ?, ?)", rows)?;
        Ok(())
    }

    /// A product as a row; none of one that has no name or no price.
    fn row(product: &Json) -> Option<[Value; 3]> {
        let text = |name: &str| product[name].as_str().map(str::to_owned);
        Some(params![product["id"].as_i64()?, text("name")?, text("price")?])
    }

    pub fn rollback(db: &Connection) -> Result {
        db.execute("DROP TABLE product", params![])?;
        Ok(())
    }
}
