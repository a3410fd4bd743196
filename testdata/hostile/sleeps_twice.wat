;; Sleeps for 6 s twice, of which 10 s are allowed: no time passes.
;; verdict: fails in handle_in
;; words: limit sleep exceeded in handle_in: a callback may sleep 10s in all
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (i64.store offset=24 (i32.const 16) (i64.const 6000000000))
    (drop (call $poll (i32.const 16) (i32.const 256) (i32.const 1) (i32.const 512)))
    (i64.store offset=24 (i32.const 16) (i64.const 6000000000))
    (drop (call $poll (i32.const 16) (i32.const 256) (i32.const 1) (i32.const 512)))
    (i32.const 0)))
