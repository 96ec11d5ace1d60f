//! The smallest change: its size is the price of the SDK.

#[sandpiper_sdk::change(
    id = "test-guest-minimal-00000000000000000001",
    author = "sandpiper-tests",
    target_system = "target"
)]
mod change {
    use sandpiper_sdk::prelude::*;

    fn apply(db: &Connection) -> Result {
        db.execute("CREATE TABLE guest_rows (id BIGINT PRIMARY KEY, note TEXT)", params![])?;
        Ok(())
    }

    fn rollback(db: &Connection) -> Result {
        db.execute("DROP TABLE guest_rows", params![])?;
        Ok(())
    }
}
