//! Guests that take more than they may have.

use super::values::see;
use sandpiper_sdk::prelude::*;
use std::hint::black_box;
use std::io::Write;

const ESCAPES: &str = "\u{1b}[2J\u{1b}[31mred\u{1b}]0;title\u{7}\u{9b}1m\r\u{8}";

pub(crate) fn endless() -> ! {
    let mut number: u64 = 0;
    loop {
        number = black_box(number.wrapping_add(1));
    }
}

pub(crate) fn recursion() -> Result {
    #[expect(unconditional_recursion, reason = "the stack is to end")]
    fn deeper(depth: u64) -> u64 {
        let frame = black_box([depth; 16]);
        deeper(black_box(depth + 1)) + frame[3]
    }
    Err(Error::failed(deeper(0)))
}

/// Allocates until the allocation fails, which aborts the guest.
pub(crate) fn memory() -> Result {
    let mut blocks = Vec::new();
    loop {
        blocks.push(black_box(vec![1_u8; 8 << 20]));
    }
}

/// Grows its memory until that fails, and goes on as if nothing had happened.
pub(crate) fn memory_grow() -> Result {
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut block = Vec::new();
        if block.try_reserve_exact(8 << 20).is_err() {
            return Ok(());
        }
        blocks.push(black_box(block));
    }
}

/// One call with a text of that size.
pub(crate) fn huge_argument(db: &Connection, bytes: u64) -> Result {
    let text = "a".repeat(usize::try_from(bytes)?);
    let length: i64 = db.query_value("SELECT length(?)", params![text])?;
    see(db, "length", &length.to_string())
}

/// Asks for all rows of a large result at once.
pub(crate) fn huge_batch(db: &Connection, count: u64) -> Result {
    let statement = format!(
        "WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < {count}) \
         SELECT n, 'some text that takes room in the batch' FROM counter"
    );
    let rows = db.query(&statement, params![])?.next_batch(u32::MAX)?;
    see(db, "batch", &rows.len().to_string())
}

pub(crate) fn log_flood(ctx: &Context, count: u64) -> Result {
    for line in 0..count {
        ctx.info(format!("line {line} {ESCAPES}"));
    }
    Ok(())
}

pub(crate) fn log_line(ctx: &Context, bytes: u64) -> Result {
    ctx.info(ESCAPES.repeat(usize::try_from(bytes)? / ESCAPES.len()));
    Ok(())
}

/// Lines, bytes that are no UTF-8, escape sequences, and an end without a newline.
pub(crate) fn stdout() -> Result {
    println!("a line on stdout");
    eprintln!("a line on stderr {ESCAPES}");
    let mut out = std::io::stdout();
    out.write_all(b"not utf-8: \xff\xfe\n")?;
    out.write_all(b"two\nlines\n")?;
    out.write_all(b"no newline")?;
    out.flush()?;
    Ok(())
}

pub(crate) fn stdout_flood(count: u64) -> Result {
    for line in 0..count {
        println!("line {line} on stdout {ESCAPES}");
        eprintln!("line {line} on stderr {ESCAPES}");
    }
    Ok(())
}
