;; Asks for the outcome of a poll to be written over what it asks for.
;; verdict: served
;; words: no answer
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (drop (call $poll_oneoff (i32.const 0) (i32.const 0) (i32.const 1000) (i32.const 48)))
    (i32.const 0)))
