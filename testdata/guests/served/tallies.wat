;; A guest whose assigns are one byte, the number of upgrades that its channel has
;; seen. What a client sends goes to everybody, and the reply is that number as
;; 100, 101, 102 and so on, up to 199, and from 100 again.
(module
  (import "chhost_v1" "broadcast" (func $broadcast (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (import "chhost_v1" "assign" (func $assign (param i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32)
    (select (i32.const 1024) (i32.const 0) (i32.le_u (local.get $size) (i32.const 130048))))
  (func $count (param $ev i32) (result i32) (i32.load8_u (i32.load offset=32 (local.get $ev))))
  (func $keep (param $count i32)
    (i32.store8 (i32.const 16) (local.get $count))
    (call $assign (i32.const 16) (i32.const 1)))
  (func (export "join") (param i32) (result i32)
    (call $keep (i32.const 0))
    (i32.const 0))
  (func (export "upgrade") (param $ev i32) (result i32)
    (call $keep (i32.add (i32.const 1) (call $count (local.get $ev))))
    (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (local $count i32)
    (local.set $count (call $count (local.get $ev)))
    (call $broadcast
      (i32.load offset=16 (local.get $ev)) (i32.load offset=20 (local.get $ev))
      (i32.load offset=24 (local.get $ev)) (i32.load offset=28 (local.get $ev))
      (i32.const 0))
    (i32.store8 (i32.const 32) (i32.const 0x31)) ;; 1
    (i32.store8 (i32.const 33) (i32.add (i32.const 0x30) (i32.rem_u (i32.div_u (local.get $count) (i32.const 10)) (i32.const 10))))
    (i32.store8 (i32.const 34) (i32.add (i32.const 0x30) (i32.rem_u (local.get $count) (i32.const 10))))
    (call $reply (i32.const 0) (i32.const 32) (i32.const 3) (i32.const 0))
    (i32.const 0)))
