;; Subscribes to a topic whose name is beyond the memory.
;; verdict: fails in handle_in
;; words: are not in the memory
(module
  (import "chhost_v1" "subscribe" (func $subscribe (param i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $subscribe (i32.const 131071) (i32.const 2))
    (i32.const 0)))
