//! The log of a call: lines of the guest's own, its standard output and its standard error, made safe and bounded.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::guest::{GuestHost, Level};
use crate::text;

/// How much of the end of its standard error is remembered, for the message of a trap.
const LAST_WORDS: usize = 2 << 10;

/// Where everything that a guest says goes.
pub(crate) struct Log {
    host: Option<Arc<dyn GuestHost>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    left: usize,
    dropped: usize,
    partial: [Vec<u8>; 2],
    last_words: VecDeque<u8>,
}

/// One of the two standard streams.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    Output,
    Error,
}

impl Stream {
    fn level(self) -> Level {
        match self {
            Self::Output => Level::Info,
            Self::Error => Level::Warn,
        }
    }

    fn partial(self, state: &mut State) -> &mut Vec<u8> {
        let [output, error] = &mut state.partial;
        match self {
            Self::Output => output,
            Self::Error => error,
        }
    }
}

impl Log {
    /// A log of at most so many bytes; nobody hears it where there is no host.
    pub(crate) fn new(host: Option<Arc<dyn GuestHost>>, limit: usize) -> Self {
        Self { host, state: Mutex::new(State { left: limit, ..State::default() }) }
    }

    /// A message of the guest, of one or more lines.
    pub(crate) fn message(&self, level: Level, message: &str) {
        let mut state = self.state();
        for line in message.split('\n') {
            self.line(&mut state, level, line.strip_suffix('\r').unwrap_or(line));
        }
    }

    /// Bytes that the guest writes to a standard stream: a line is said when it is complete.
    pub(crate) fn write(&self, stream: Stream, bytes: &[u8]) {
        let mut state = self.state();
        if matches!(stream, Stream::Error) {
            state.last_words.extend(bytes);
            let surplus = state.last_words.len().saturating_sub(LAST_WORDS);
            state.last_words.drain(..surplus);
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let partial = stream.partial(&mut state);
            partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") || partial.len() >= text::LINE {
                self.flush(&mut state, stream);
            }
        }
    }

    /// Says what was not said yet, and how much was dropped.
    pub(crate) fn finish(&self) {
        let mut state = self.state();
        self.flush(&mut state, Stream::Output);
        self.flush(&mut state, Stream::Error);
        let dropped = std::mem::take(&mut state.dropped);
        if let (Some(host), 1..) = (&self.host, dropped) {
            host.log(Level::Warn, &format!("{dropped} further bytes of log were dropped (`limits.log`)"));
        }
    }

    /// The last lines that went to standard error, in one line.
    pub(crate) fn last_words(&self) -> Option<String> {
        let bytes: Vec<u8> = self.state().last_words.iter().copied().collect();
        let words = String::from_utf8_lossy(&bytes);
        let lines =
            words.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("note: "));
        let words = lines.collect::<Vec<_>>().join(" ");
        (!words.is_empty()).then(|| text::line(&words))
    }

    fn flush(&self, state: &mut State, stream: Stream) {
        let bytes = std::mem::take(stream.partial(state));
        if bytes.is_empty() {
            return;
        }
        let line = String::from_utf8_lossy(&bytes);
        self.line(state, stream.level(), line.trim_end_matches(['\n', '\r']));
    }

    fn line(&self, state: &mut State, level: Level, line: &str) {
        let Some(host) = &self.host else { return };
        let mut rest = line;
        loop {
            let piece = text::cut(rest, text::LINE);
            rest = rest.get(piece.len()..).unwrap_or_default();
            let size = piece.len() + 1;
            if size > state.left {
                state.left = 0;
                state.dropped += size + rest.len();
                return;
            }
            state.left -= size;
            host.log(level, &text::line(piece));
            if rest.is_empty() {
                return;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;

    #[derive(Default)]
    struct Listener(Mutex<Vec<(Level, String)>>);

    #[async_trait]
    impl GuestHost for Listener {
        fn log(&self, level: Level, line: &str) {
            self.0.lock().unwrap().push((level, line.to_owned()));
        }

        fn progress(&self, _done: u64, _total: u64) {}

        fn called(&self, _: &crate::handle_call::HandleCall<'_>) {}

        async fn open(&self, _system: &str) -> Result<Box<dyn crate::target::Session>, String> {
            Err("there is none".to_owned())
        }

        async fn save_checkpoint(&self, _data: &[u8]) -> Result<(), String> {
            Ok(())
        }

        async fn load_checkpoint(&self) -> Option<Vec<u8>> {
            None
        }
    }

    fn heard(limit: usize, speak: impl FnOnce(&Log)) -> Vec<(Level, String)> {
        let listener = Arc::new(Listener::default());
        let log = Log::new(Some(listener.clone()), limit);
        speak(&log);
        log.finish();
        listener.0.lock().unwrap().clone()
    }

    #[test]
    fn a_stream_is_said_line_by_line_and_its_rest_at_the_end() {
        let heard = heard(1000, |log| {
            log.write(Stream::Output, b"one\ntw");
            log.write(Stream::Error, b"\xff\x1b[2J\r\n");
            log.write(Stream::Output, b"o\n\nrest");
        });
        let lines = [(Level::Info, "one"), (Level::Warn, "\u{fffd}\\u{1b}[2J"), (Level::Info, "two")];
        let rest = [(Level::Info, ""), (Level::Info, "rest")];
        assert_eq!(heard, [&lines[..], &rest[..]].concat().map_strings());
    }

    #[test]
    fn a_message_of_several_lines_is_several_lines() {
        let heard = heard(1000, |log| log.message(Level::Debug, "a\r\nb\u{1b}"));
        assert_eq!(heard, [(Level::Debug, "a"), (Level::Debug, "b\\u{1b}")].to_vec().map_strings());
    }

    #[test]
    fn beyond_the_limit_bytes_are_counted_only() {
        let heard = heard(10, |log| {
            log.message(Level::Info, "12345");
            log.message(Level::Info, "1234567");
            log.message(Level::Info, "1");
            log.write(Stream::Output, b"12\n");
        });
        let note = "13 further bytes of log were dropped (`limits.log`)";
        assert_eq!(heard, [(Level::Info, "12345"), (Level::Warn, note)].to_vec().map_strings());
    }

    #[test]
    fn a_line_without_an_end_is_broken_up() {
        let long = "x".repeat(text::LINE + 5);
        let pieces = vec![(Level::Info, &long[..text::LINE]), (Level::Info, "xxxxx")];
        assert_eq!(heard(1 << 20, |log| log.message(Level::Info, &long)), pieces.clone().map_strings());
        let streamed = heard(1 << 20, |log| long.bytes().for_each(|byte| log.write(Stream::Output, &[byte])));
        assert_eq!(streamed, pieces.map_strings());
    }

    #[test]
    fn the_last_words_are_the_end_of_standard_error() {
        let log = Log::new(None, 0);
        assert_eq!(log.last_words(), None);
        log.write(Stream::Output, b"not this\n");
        log.write(Stream::Error, &b"x".repeat(2 * LAST_WORDS));
        log.write(Stream::Error, b"\nthread panicked at src/lib.rs:3:5:\nboom\x1b\nnote: run with more\n");
        let words = log.last_words().unwrap();
        assert!(words.ends_with("x thread panicked at src/lib.rs:3:5: boom\\u{1b}"), "{words}");
        assert!(words.len() <= LAST_WORDS + 10);
    }

    trait MapStrings {
        fn map_strings(self) -> Vec<(Level, String)>;
    }

    impl MapStrings for Vec<(Level, &str)> {
        fn map_strings(self) -> Vec<(Level, String)> {
            self.into_iter().map(|(level, line)| (level, line.to_owned())).collect()
        }
    }
}
