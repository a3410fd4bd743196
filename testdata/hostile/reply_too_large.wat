;; A reply of one byte more than 320 KiB.
;; verdict: fails in handle_in
;; words: limit payload_too_large exceeded in handle_in: 327681 bytes, 327680 are allowed
(module
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (memory (export "memory") 8)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $reply (i32.const 0) (i32.const 0) (i32.const 327681) (i32.const 1))
    (i32.const 0)))
