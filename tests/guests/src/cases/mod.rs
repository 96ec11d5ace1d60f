//! What a guest does for each value of the variable `case`; `README.md` lists them.

mod attempt;
mod failures;
mod handles;
mod limits;
mod statements;
mod values;

use sandpiper_sdk::prelude::*;

/// Runs the case that the variable `case` names; `normal` if it is not set.
pub fn apply(db: &Connection, ctx: &Context) -> Result {
    run(&ctx.variable("case").unwrap_or_else(|| "normal".to_owned()), db, ctx)
}

/// Runs the case that the variable `rollback` names; `drop` if it is not set.
pub fn rollback(db: &Connection, ctx: &Context) -> Result {
    run(&ctx.variable("rollback").unwrap_or_else(|| "drop".to_owned()), db, ctx)
}

fn run(case: &str, db: &Connection, ctx: &Context) -> Result {
    match case {
        "normal" => values::normal(db, ctx),
        "drop" => values::drop_tables(db),
        "nothing" => Ok(()),
        "values" => values::all_kinds(db),
        "cursor" => values::cursor(db, number(ctx, "count", 1_000)?),
        "many" => values::many(db, number(ctx, "count", 1_000)?),

        "execute" => statements::execute(db, ctx),
        "script" => statements::script(db, ctx),
        "swallow" => statements::swallow(db, ctx),
        "calls" => statements::calls(db, number(ctx, "count", 1_000)?),
        "conflict-rollback" => statements::conflict_rollback(db),
        "slow-statement" => statements::slow(db, number(ctx, "count", 1_000_000_000)?),

        "refused" => failures::refused(db),
        "precondition" => Err(Error::precondition("the guest wants another database")),
        "precondition-after-write" => failures::after_write(db, Error::precondition("seen too late")),
        "failed" => Err(Error::failed("the guest gave up")),
        "failed-after-write" => failures::after_write(db, Error::failed("the guest gave up after a write")),
        "transient" => Err(Error::transient("the guest hopes for better times")),
        "transient-once" => failures::transient_until(db, ctx, 2),
        "irreversible" => Err(Error::irreversible("the old values are gone")),
        "message" => Err(Error::failed(ctx.required_variable("message")?)),
        "huge-message" => failures::huge_message(number(ctx, "bytes", 8 << 20)?),
        "trap" => failures::trap(),
        "trap-after-write" => failures::trap_after_write(db),
        "exit" => std::process::exit(3),
        "exit-success" => std::process::exit(0),

        "endless" => limits::endless(),
        "recursion" => limits::recursion(),
        "memory" => limits::memory(),
        "memory-grow" => limits::memory_grow(),
        "huge-argument" => limits::huge_argument(db, number(ctx, "bytes", 64 << 20)?),
        "huge-batch" => limits::huge_batch(db, number(ctx, "count", 1_000_000)?),
        "log-flood" => limits::log_flood(ctx, number(ctx, "count", 100_000)?),
        "log-line" => limits::log_line(ctx, number(ctx, "bytes", 8 << 20)?),
        "stdout" => limits::stdout(),
        "stdout-flood" => limits::stdout_flood(number(ctx, "count", 100_000)?),

        "cursors" => handles::cursors(db, number(ctx, "count", 100_000)?),
        "connections" => handles::connections(ctx, number(ctx, "count", 100_000)?),
        "leaked-cursor" => handles::leaked_cursor(db),
        "two-cursors" => handles::two_cursors(db),
        "cursor-past-end" => handles::cursor_past_end(db),
        "write-while-reading" => handles::write_while_reading(db),
        "forged-handle" => handles::forged(),
        "confused-handle" => handles::confused(ctx),
        "dropped-lent-handle" => handles::dropped_lent(db),
        "open" => handles::open(db, ctx),

        "context" => attempt::context(db, ctx),
        "levels" => attempt::levels(ctx),
        "remember" => attempt::remember(ctx),
        "steps" => attempt::steps(db, ctx),
        "checkpoint-huge" => attempt::huge_checkpoint(ctx, number(ctx, "bytes", 64 << 20)?),
        "progress" => attempt::progress(ctx, number(ctx, "count", 100)?),
        "wait-for-cancel" => attempt::wait_for_cancel(db, ctx),
        "sleep" => attempt::sleep(db, number(ctx, "milliseconds", 1_000)?),
        unknown => Err(Error::failed(format!("the guest knows no case `{unknown}`"))),
    }
}

/// A number from a variable, or `default` if it is not set.
pub(crate) fn number(ctx: &Context, name: &str, default: u64) -> Result<u64> {
    Ok(ctx.variable(name).map_or(Ok(default), |text| text.parse())?)
}
