;; A guest that answers each broadcast of the topic ring:0 with another one, which
;; would go on for ever: every event of a client is told to ring:0, to which its
;; channel subscribes, and what comes from there is pushed and told again.
(module
  (import "chhost_v1" "push" (func $push (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "broadcast_to" (func $broadcast_to (param i32 i32 i32 i32 i32 i32 i32)))
  (import "chhost_v1" "subscribe" (func $subscribe (param i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "ring:0")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32)
    (select (i32.const 1024) (i32.const 0) (i32.le_u (local.get $size) (i32.const 130048))))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func $tell (param $ev i32)
    (call $broadcast_to (i32.const 16) (i32.const 6)
      (i32.load offset=16 (local.get $ev)) (i32.load offset=20 (local.get $ev))
      (i32.load offset=24 (local.get $ev)) (i32.load offset=28 (local.get $ev)) (i32.const 0)))
  (func (export "handle_in") (param $ev i32) (result i32)
    (call $subscribe (i32.const 16) (i32.const 6))
    (call $tell (local.get $ev))
    (i32.const 0))
  (func (export "handle_info") (param $ev i32) (result i32)
    (call $push
      (i32.load offset=16 (local.get $ev)) (i32.load offset=20 (local.get $ev))
      (i32.load offset=24 (local.get $ev)) (i32.load offset=28 (local.get $ev)) (i32.const 0))
    (call $tell (local.get $ev))
    (i32.const 0)))
