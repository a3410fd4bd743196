;; The smallest useful guest: what a client sends goes to everybody, and the
;; client is told that it did.
(module
  (import "chhost_v1" "broadcast" (func $broadcast (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32)
    (select (i32.const 1024) (i32.const 0) (i32.le_u (local.get $size) (i32.const 130048))))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32)
    (call $broadcast
      (i32.load offset=16 (local.get $ev)) (i32.load offset=20 (local.get $ev))
      (i32.load offset=24 (local.get $ev)) (i32.load offset=28 (local.get $ev))
      (i32.const 0))
    (call $reply (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0)))
