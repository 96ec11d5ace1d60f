//! What the context offers: facts about the attempt, progress, checkpoints, cancellation.

use super::number;
use super::values::{create_rows, placeholders, see};
use sandpiper_sdk::Level;
use sandpiper_sdk::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Writes into `guest_seen` what the context says.
pub(crate) fn context(db: &Connection, ctx: &Context) -> Result {
    see(db, "idempotency-key", &ctx.idempotency_key())?;
    see(db, "attempt", &ctx.attempt().to_string())?;
    see(db, "tenant", &format!("{:?}", ctx.tenant()))?;
    see(db, "case", &format!("{:?}", ctx.variable("case")))?;
    see(db, "unset", &format!("{:?}", ctx.variable("no such variable")))?;
    see(db, "checkpoint", &format!("{:?}", ctx.load_checkpoint()))?;
    see(db, "cancelled", &ctx.is_cancelled().to_string())?;
    see(db, "dialect", &db.dialect())
}

pub(crate) fn levels(ctx: &Context) -> Result {
    for level in [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error] {
        ctx.log(level, format!("a line of the level {level:?}"));
    }
    Ok(())
}

/// Logs how often it was called before in the same memory.
pub(crate) fn remember(ctx: &Context) -> Result {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let calls = CALLS.fetch_add(1, Ordering::Relaxed);
    ctx.log(Level::Info, format!("this guest was called {calls} times before"));
    Ok(())
}

/// Inserts rows into `guest_steps` and saves a checkpoint after each; the first attempt fails (or traps, if
/// the variable `trap` is set) before the row that the variable `fail-at` names. Each row holds the attempt
/// it is from.
pub(crate) fn steps(db: &Connection, ctx: &Context) -> Result {
    let count = number(ctx, "count", 10)?;
    let fail_at = number(ctx, "fail-at", u64::MAX)?;
    let attempt = ctx.attempt();
    let done = match ctx.load_checkpoint() {
        Some(bytes) => String::from_utf8(bytes)?.parse()?,
        None => 0,
    };
    db.execute("CREATE TABLE IF NOT EXISTS guest_steps (step BIGINT, attempt BIGINT)", params![])?;
    let insert = format!("INSERT INTO guest_steps (step, attempt) VALUES ({})", placeholders(db, 2));
    for step in done..count {
        if step == fail_at && attempt == 1 {
            assert!(ctx.variable("trap").is_none(), "the guest panics at step {step}");
            return Err(Error::failed(format!("the first attempt ends at step {step}")));
        }
        db.execute(&insert, params![step, attempt])?;
        ctx.save_checkpoint((step + 1).to_string())?;
        ctx.progress(step + 1, count);
    }
    Ok(())
}

pub(crate) fn huge_checkpoint(ctx: &Context, bytes: u64) -> Result {
    ctx.save_checkpoint(vec![0; usize::try_from(bytes)?])
}

pub(crate) fn progress(ctx: &Context, count: u64) -> Result {
    for done in 1..=count {
        ctx.progress(done, count);
    }
    ctx.progress(count, 0);
    ctx.progress(u64::MAX, 1);
    Ok(())
}

/// Writes, then waits until it is told to stop, and stops with an error.
pub(crate) fn wait_for_cancel(db: &Connection, ctx: &Context) -> Result {
    create_rows(db)?;
    ctx.info("waiting");
    while !ctx.is_cancelled() {
        thread::sleep(Duration::from_millis(10));
    }
    Err(Error::failed("the guest stopped as it was told"))
}

/// Writes, and then sleeps, whatever it is told.
pub(crate) fn sleep(db: &Connection, milliseconds: u64) -> Result {
    create_rows(db)?;
    thread::sleep(Duration::from_millis(milliseconds));
    Ok(())
}
