//! Makes a queue by an API.

#[sandpiper_sdk::change(id = "released-queue", author = "sandpiper-tests", target_system = "api")]
mod change {
    use sandpiper_sdk::prelude::*;

    pub fn apply(api: &Endpoint, ctx: &Context) -> Result {
        let made = api.post("queues").query("page", 1).json(r#"{"name": "mail"}"#).send()?.error_for_status()?;
        ctx.info(made.text()?);
        Ok(())
    }

    pub fn rollback(api: &Endpoint) -> Result {
        api.delete("queues/7").send()?.error_for_status()?;
        Ok(())
    }

    pub fn verify(api: &Endpoint) -> Result<bool> {
        Ok(api.get("queues/7").send()?.is_success())
    }
}
