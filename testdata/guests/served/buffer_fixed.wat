;; A guest with a fixed region of 12,000 bytes and no more, as in C. It replies
;; with the first byte of the event, so that one sees that the event was written.
(module
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32)
    (select (i32.const 1027) (i32.const 0) (i32.le_u (local.get $size) (i32.const 12000))))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32)
    (call $reply (i32.const 0) (i32.load offset=24 (local.get $ev)) (i32.load offset=28 (local.get $ev)) (i32.const 0))
    (i32.const 0)))
