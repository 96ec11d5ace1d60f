;; What the C and Go toolchains call `wasi_snapshot_preview1`, in terms of WASI 0.2: clocks, random numbers, and standard
;; output. There are no files, arguments or variables in the sandbox, so that the rest has one-word answers.
;;
;; It works in the memory of the guest, where the bytes 4096 to 12287 belong to it: the Go linker places nothing below
;; 12288, and in C they are the end of the stack (`guests/c.rs`). 4096 is room for results, 8192 is set by the Go SDK while the host
;; asks it for memory: then no call may leave the guest, and clocks answer with what they said last.
(module
  (import "env" "memory" (memory 0))
  (import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $monotonic (result i64)))
  (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $subscribe (param i64) (result i32)))
  (import "wasi:clocks/wall-clock@0.2.0" "now" (func $wall (param i32)))
  (import "wasi:random/random@0.2.0" "get-random-u64" (func $random (result i64)))
  (import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
  (import "wasi:cli/stderr@0.2.0" "get-stderr" (func $stderr (result i32)))
  (import "wasi:cli/exit@0.2.0" "exit" (func $exit (param i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.0" "[resource-drop]output-stream" (func $drop_stream (param i32)))
  (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.0" "[resource-drop]pollable" (func $drop_pollable (param i32)))

  ;; Whether no call may leave the guest.
  (func $closed (result i32) (i32.load (i32.const 8192)))

  ;; The two clocks in nanoseconds; 4128 and 4136 keep what they said last.
  (func $time (param $clock i32) (result i64)
    (if (i32.eqz (call $closed))
      (then
        (i64.store (i32.const 4136) (call $monotonic))
        (if (i32.eqz (local.get $clock))
          (then
            (call $wall (i32.const 4096))
            (i64.store (i32.const 4128)
              (i64.add
                (i64.mul (i64.load (i32.const 4096)) (i64.const 1000000000))
                (i64.load32_u (i32.const 4104)))))))
      (else
        ;; A microsecond later each time, so that whoever waits comes to an end.
        (i64.store (i32.const 4136) (i64.add (i64.load (i32.const 4136)) (i64.const 1000)))
        (i64.store (i32.const 4128) (i64.add (i64.load (i32.const 4128)) (i64.const 1000)))))
    (if (result i64) (local.get $clock)
      (then (i64.load (i32.const 4136)))
      (else (i64.load (i32.const 4128)))))

  (func (export "clock_time_get") (param $clock i32) (param i64) (param $out i32) (result i32)
    (i64.store (local.get $out) (call $time (local.get $clock)))
    (i32.const 0))
  (func (export "clock_res_get") (param i32 i32) (result i32)
    (i64.store (local.get 1) (i64.const 1))
    (i32.const 0))

  (func (export "random_get") (param $at i32) (param $length i32) (result i32)
    (local $word i64)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $length)))
        (if (i64.eqz (local.get $word))
          (then
            ;; Inside of the host's request it is only asked for what need not be secret.
            (local.set $word
              (if (result i64) (call $closed)
                (then (i64.add (i64.mul (i64.load (i32.const 4136)) (i64.const 6364136223846793005)) (i64.const 1)))
                (else (call $random))))))
        (i32.store8 (local.get $at) (i32.wrap_i64 (local.get $word)))
        (local.set $word (i64.shr_u (local.get $word) (i64.const 8)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $length (i32.sub (local.get $length) (i32.const 1)))
        (br $next)))
    (i32.const 0))

  ;; All parts of a text, at most 4096 bytes a call, which is what the stream takes.
  (func (export "fd_write") (param $fd i32) (param $parts i32) (param $count i32) (param $written i32) (result i32)
    (local $stream i32) (local $at i32) (local $left i32) (local $now i32) (local $sum i32)
    (if (i32.gt_u (i32.sub (local.get $fd) (i32.const 1)) (i32.const 1)) (then (return (i32.const 8))))
    (if (call $closed) (then (i32.store (local.get $written) (i32.const 0)) (return (i32.const 6))))
    (local.set $stream
      (if (result i32) (i32.eq (local.get $fd) (i32.const 1)) (then (call $stdout)) (else (call $stderr))))
    (block $done
      (loop $part
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $at (i32.load (local.get $parts)))
        (local.set $left (i32.load offset=4 (local.get $parts)))
        (block $end
          (loop $chunk
            (br_if $end (i32.eqz (local.get $left)))
            (local.set $now
              (select (local.get $left) (i32.const 4096) (i32.lt_u (local.get $left) (i32.const 4096))))
            (call $write (local.get $stream) (local.get $at) (local.get $now) (i32.const 4096))
            (local.set $sum (i32.add (local.get $sum) (local.get $now)))
            (local.set $at (i32.add (local.get $at) (local.get $now)))
            (local.set $left (i32.sub (local.get $left) (local.get $now)))
            (br $chunk)))
        (local.set $parts (i32.add (local.get $parts) (i32.const 8)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $part)))
    (call $drop_stream (local.get $stream))
    (i32.store (local.get $written) (local.get $sum))
    (i32.const 0))

  ;; Waits for the first of the clocks among the subscriptions, and reports that one. A file is always ready.
  (func (export "poll_oneoff") (param $subscriptions i32) (param $events i32) (param $count i32) (param $stored i32)
    (result i32)
    (local $at i32) (local $left i32) (local $first i32) (local $shortest i64) (local $wait i64) (local $pollable i32)
    (if (i32.eqz (local.get $count)) (then (return (i32.const 28))))
    (local.set $at (local.get $subscriptions))
    (local.set $left (local.get $count))
    (local.set $shortest (i64.const -1))
    (local.set $first (local.get $subscriptions))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $left)))
        (local.set $wait (i64.const 0))
        (if (i32.eqz (i32.load8_u offset=8 (local.get $at)))
          (then
            (local.set $wait (i64.load offset=24 (local.get $at)))
            (if (i32.and (i32.load16_u offset=40 (local.get $at)) (i32.const 1))
              (then
                (local.set $wait
                  (i64.sub (local.get $wait) (call $time (i32.load offset=16 (local.get $at)))))
                (if (i64.lt_s (local.get $wait) (i64.const 0)) (then (local.set $wait (i64.const 0))))))))
        (if (i64.lt_u (local.get $wait) (local.get $shortest))
          (then
            (local.set $shortest (local.get $wait))
            (local.set $first (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 48)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next)))
    (if (i32.and (i64.ne (local.get $shortest) (i64.const 0)) (i32.eqz (call $closed)))
      (then
        (local.set $pollable (call $subscribe (local.get $shortest)))
        (call $block (local.get $pollable))
        (call $drop_pollable (local.get $pollable))))
    (i64.store (local.get $events) (i64.load (local.get $first)))
    (i64.store offset=8 (local.get $events) (i64.const 0))
    (i32.store8 offset=10 (local.get $events) (i32.load8_u offset=8 (local.get $first)))
    (i64.store offset=16 (local.get $events) (i64.const 0))
    (i64.store offset=24 (local.get $events) (i64.const 0))
    (i32.store (local.get $stored) (i32.const 1))
    (i32.const 0))

  (func (export "sched_yield") (result i32) (i32.const 0))
  (func (export "proc_exit") (param $code i32)
    (call $exit (i32.ne (local.get $code) (i32.const 0)))
    unreachable)

  ;; No arguments, no variables.
  (func $nothing (param i32 i32) (result i32)
    (i32.store (local.get 0) (i32.const 0))
    (i32.store (local.get 1) (i32.const 0))
    (i32.const 0))
  (export "args_sizes_get" (func $nothing))
  (export "environ_sizes_get" (func $nothing))
  (func $done2 (param i32 i32) (result i32) (i32.const 0))
  (export "args_get" (func $done2))
  (export "environ_get" (func $done2))

  ;; The standard streams are terminals of nobody; there is no other file (8: no such descriptor, 44: no such file,
  ;; 52: not to be had here, 70: not to be sought in).
  (func (export "fd_fdstat_get") (param $fd i32) (param $out i32) (result i32)
    (if (i32.gt_u (local.get $fd) (i32.const 2)) (then (return (i32.const 8))))
    (i64.store (local.get $out) (i64.const 2))
    (i64.store offset=8 (local.get $out) (i64.const 64))
    (i64.store offset=16 (local.get $out) (i64.const 0))
    (i32.const 0))
  (func (export "fd_read") (param i32 i32 i32) (param $read i32) (result i32)
    (i32.store (local.get $read) (i32.const 0))
    (i32.const 0))
  (func (export "fd_close") (param i32) (result i32) (i32.const 0))
  (func (export "fd_sync") (param i32) (result i32) (i32.const 0))
  (func (export "fd_seek") (param i32 i64 i32 i32) (result i32) (i32.const 70))
  (func (export "fd_tell") (param i32 i32) (result i32) (i32.const 70))
  (func (export "fd_fdstat_set_flags") (param i32 i32) (result i32) (i32.const 0))
  (func (export "fd_fdstat_set_rights") (param i32 i64 i64) (result i32) (i32.const 52))
  (func (export "fd_filestat_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_filestat_set_size") (param i32 i64) (result i32) (i32.const 8))
  (func (export "fd_pread") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_pwrite") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_get") (param i32 i32) (result i32) (i32.const 8))
  (func (export "fd_prestat_dir_name") (param i32 i32 i32) (result i32) (i32.const 8))
  (func (export "fd_readdir") (param i32 i32 i32 i64 i32) (result i32) (i32.const 8))
  (func (export "path_create_directory") (param i32 i32 i32) (result i32) (i32.const 52))
  (func (export "path_filestat_get") (param i32 i32 i32 i32 i32) (result i32) (i32.const 44))
  (func (export "path_filestat_set_times") (param i32 i32 i32 i32 i64 i64 i32) (result i32) (i32.const 44))
  (func (export "path_link") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 52))
  (func (export "path_open") (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32) (i32.const 44))
  (func (export "path_readlink") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 44))
  (func (export "path_remove_directory") (param i32 i32 i32) (result i32) (i32.const 44))
  (func (export "path_rename") (param i32 i32 i32 i32 i32 i32) (result i32) (i32.const 44))
  (func (export "path_symlink") (param i32 i32 i32 i32 i32) (result i32) (i32.const 52))
  (func (export "path_unlink_file") (param i32 i32 i32) (result i32) (i32.const 44))
  (func (export "sock_accept") (param i32 i32 i32) (result i32) (i32.const 52))
  (func (export "sock_shutdown") (param i32 i32) (result i32) (i32.const 52))
)
