;; The memory moves after an effect has named a place in it, and before the next does.
;; verdict: served
;; words: "grown"
(module
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (import "chhost_v1" "push" (func $push (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $reply (i32.const 0) (i32.const 16) (i32.const 7) (i32.const 0))
    (drop (memory.grow (i32.const 64)))
    (memory.fill (i32.const 0) (i32.const 255) (i32.const 4096))
    (memory.copy (i32.const 0x3f0000) (i32.const 65536) (i32.const 4))
    (call $push (i32.const 0x3f0000) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (data (i32.const 16) "\22grown\22")
  (data (i32.const 65536) "said"))
