;; Keeps one byte more than 16 KiB.
;; verdict: fails in handle_in
;; words: limit assigns_too_large exceeded in handle_in: 16385 bytes, 16384 are allowed
(module
  (import "chhost_v1" "assign" (func $assign (param i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $assign (i32.const 0) (i32.const 16385))
    (i32.const 0)))
