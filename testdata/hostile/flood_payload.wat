;; One broadcast of half a megabyte.
;; push: payload_too_large
(module
  (import "chhost_v1" "broadcast" (func $broadcast (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 10)
  (data (i32.const 16) "e")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (memory.fill (i32.const 1024) (i32.const 32) (i32.const 520000)) (i32.store16 (i32.const 1024) (i32.const 0x7d7b)) (call $broadcast (i32.const 16) (i32.const 1) (i32.const 1024) (i32.const 520000) (i32.const 0)) (i32.const 0)))
