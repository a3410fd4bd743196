;; Two replies to one event.
;; verdict: fails in handle_in
;; words: it was called before in this callback; one reply is allowed
(module
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $reply (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $reply (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0)))
