;; Waits for so many clocks that their size in bytes wraps around.
;; verdict: fails in handle_in
;; words: out of range
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (drop (call $poll (i32.const 16) (i32.const 16) (i32.const 0x10000000) (i32.const 16)))
    (i32.const 0)))
