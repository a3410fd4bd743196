;; A guest that plays a broadcast back and forth: the channels of topics that end
;; with 1 listen to court:1, those of topics that end with 2 to court:2, from their
;; client's first event on. Every event, and all that is heard, goes to the court
;; opposite; what is heard is pushed to the client too.
(module
  (import "chhost_v1" "push" (func $push (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "broadcast_to" (func $broadcast_to (param i32 i32 i32 i32 i32 i32 i32)))
  (import "chhost_v1" "subscribe" (func $subscribe (param i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "court:?")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32)
    (select (i32.const 1024) (i32.const 0) (i32.le_u (local.get $size) (i32.const 130048))))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  ;; side is the last character of the topic.
  (func $side (param $ev i32) (result i32)
    (i32.load8_u
      (i32.sub (i32.add (i32.load offset=8 (local.get $ev)) (i32.load offset=12 (local.get $ev))) (i32.const 1))))
  (func $return (param $ev i32)
    (i32.store8 (i32.const 22) (i32.xor (call $side (local.get $ev)) (i32.const 3)))
    (call $broadcast_to (i32.const 16) (i32.const 7)
      (i32.load offset=16 (local.get $ev)) (i32.load offset=20 (local.get $ev))
      (i32.load offset=24 (local.get $ev)) (i32.load offset=28 (local.get $ev)) (i32.const 0)))
  (func (export "handle_in") (param $ev i32) (result i32)
    (i32.store8 (i32.const 22) (call $side (local.get $ev)))
    (call $subscribe (i32.const 16) (i32.const 7))
    (call $return (local.get $ev))
    (i32.const 0))
  (func (export "handle_info") (param $ev i32) (result i32)
    (call $push
      (i32.load offset=16 (local.get $ev)) (i32.load offset=20 (local.get $ev))
      (i32.load offset=24 (local.get $ev)) (i32.load offset=28 (local.get $ev)) (i32.const 0))
    (call $return (local.get $ev))
    (i32.const 0)))
