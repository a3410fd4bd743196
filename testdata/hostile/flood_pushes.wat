;; Pushes for ever.
;; push: too_many_effects
(module
  (import "chhost_v1" "push" (func $push (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "e{}")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (loop $again (call $push (i32.const 16) (i32.const 1) (i32.const 17) (i32.const 2) (i32.const 0)) (br $again)) (i32.const 0)))
