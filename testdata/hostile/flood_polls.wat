;; Waits for 1,000 clocks in one call, without end.
;; verdict: fails in handle_in
;; words: exceeded in handle_in
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 4)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (loop $again
      (drop (call $poll (i32.const 0x10000) (i32.const 0x20000) (i32.const 1000) (i32.const 16)))
      (br $again))
    (i32.const 0)))
