;; A reply of one level more than 192.
;; verdict: fails in handle_in
;; words: phx: JSON is nested too deep
(module
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (memory.fill (i32.const 0x10000) (i32.const 0x5b) (i32.const 193))
    (memory.fill (i32.const 0x100c1) (i32.const 0x5d) (i32.const 193))
    (call $reply (i32.const 0) (i32.const 0x10000) (i32.const 386) (i32.const 0))
    (i32.const 0)))
