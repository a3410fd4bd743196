;; Sleeps for 2^63-1 ns.
;; verdict: fails in handle_in
;; words: limit sleep exceeded in handle_in
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (i64.store offset=24 (i32.const 16) (i64.const 0x7fffffffffffffff))
    (drop (call $poll (i32.const 16) (i32.const 256) (i32.const 1) (i32.const 512)))
    (i32.const 0)))
