;; An event whose name is beyond the memory.
;; verdict: fails in handle_in
;; words: are not in the memory
(module
  (import "chhost_v1" "broadcast" (func $broadcast (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $broadcast (i32.const -1) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0)))
