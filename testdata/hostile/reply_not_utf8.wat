;; A reply that is no UTF-8.
;; verdict: fails in handle_in
;; words: reply, argument ptr: phx: not valid UTF-8
(module
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "\"\ff\"")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $reply (i32.const 0) (i32.const 16) (i32.const 3) (i32.const 0))
    (i32.const 0)))
