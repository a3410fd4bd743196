;; Assigns all that it may, for ever: one assign counts, the last, and the bytes of all of them.
;; push: too_many_effects
(module
  (import "chhost_v1" "assign" (func $assign (param i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (memory.fill (i32.const 1024) (i32.const 32) (i32.const 16000)) (loop $again (call $assign (i32.const 1024) (i32.const 16000)) (br $again)) (i32.const 0)))
