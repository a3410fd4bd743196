;; A guest that draws random bytes and sleeps wherever it runs. It replies with
;; what it drew, eight bytes each: in _initialize, in ch_init, in join or
;; handle_in, and then what the clock shows.
(module
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func $draw (param $to i32)
    (drop (call $random_get (local.get $to) (i32.const 8)))
    (i64.store (i32.const 152) (i64.const 1000000)) ;; a subscription to a clock: in 1 ms
    (drop (call $poll_oneoff (i32.const 128) (i32.const 192) (i32.const 1) (i32.const 256))))
  (func (export "_initialize") (call $draw (i32.const 0)))
  (func (export "ch_init") (result i32) (call $draw (i32.const 8)) (i32.const 0))
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (call $draw (i32.const 32)) (i32.const 1024))
  (func (export "join") (export "handle_in") (param i32) (result i32)
    (drop (call $clock_time_get (i32.const 0) (i64.const 0) (i32.const 24)))
    (call $draw (i32.const 16))
    (call $reply (i32.const 0) (i32.const 0) (i32.const 32) (i32.const 1))
    (i32.const 0)))
