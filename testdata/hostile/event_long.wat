;; An event whose name has a thousand bytes.
;; push: broadcast
(module
  (import "chhost_v1" "broadcast" (func $broadcast (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (memory.fill (i32.const 1024) (i32.const 97) (i32.const 1000)) (i32.store16 (i32.const 16) (i32.const 0x7d7b)) (call $broadcast (i32.const 1024) (i32.const 1000) (i32.const 16) (i32.const 2) (i32.const 0)) (i32.const 0)))
