;; Replaces 16 KiB of assigns without end, each of which counts.
;; verdict: fails in handle_in
;; words: the effects of one callback may have 1048576 bytes
(module
  (import "chhost_v1" "assign" (func $assign (param i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (loop $again
      (call $assign (i32.const 0) (i32.const 16384))
      (br $again))
    (i32.const 0)))
