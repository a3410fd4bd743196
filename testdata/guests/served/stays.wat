;; A guest whose upgrade fails, so that channels stay with the version that they have;
;; it answers each event with the assigns, which are "stays".
(module
  (import "chhost_v1" "assign" (func $assign (param i32 i32)))
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "\"stays\"")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32)
    (select (i32.const 1024) (i32.const 0) (i32.le_u (local.get $size) (i32.const 64512))))
  (func (export "join") (param i32) (result i32)
    (call $assign (i32.const 16) (i32.const 7))
    (i32.const 0))
  (func (export "upgrade") (param i32) (result i32) (i32.const 1))
  (func (export "handle_in") (param $ev i32) (result i32)
    (call $reply (i32.const 0) (i32.load offset=32 (local.get $ev)) (i32.load offset=36 (local.get $ev)) (i32.const 0))
    (i32.const 0)))
