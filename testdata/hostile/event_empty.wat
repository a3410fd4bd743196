;; An event without a name.
;; verdict: fails in handle_in
;; words: a name is 1 to 255 bytes long
(module
  (import "chhost_v1" "broadcast" (func $broadcast (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $broadcast (i32.const 16) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0)))
