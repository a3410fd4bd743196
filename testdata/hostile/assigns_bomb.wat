;; Assigns more than a channel may have.
;; push: assigns_too_large
(module
  (import "chhost_v1" "assign" (func $assign (param i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (memory.fill (i32.const 1024) (i32.const 32) (i32.const 20000)) (call $assign (i32.const 1024) (i32.const 20000)) (i32.const 0)))
