;; A guest that asks for as many timers, or subscriptions, as the event's name is
;; long: "ttt" sets three timers of a second, "sss" subscribes to the topics a, b
;; and c. It replies, and pushes each timer that is due.
(module
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (import "chhost_v1" "push" (func $push (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "send_after" (func $send_after (param i32 i32 i32 i32 i32 i32 i32)))
  (import "chhost_v1" "subscribe" (func $subscribe (param i32 i32)))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32)
    (select (i32.const 1024) (i32.const 0) (i32.le_u (local.get $size) (i32.const 64512))))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (local $n i32) (local $name i32)
    (local.set $name (i32.load offset=16 (local.get $ev)))
    (local.set $n (i32.load offset=20 (local.get $ev)))
    (loop $next
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (if (i32.eq (i32.load8_u (local.get $name)) (i32.const 0x74)) ;; t
        (then (call $send_after (local.get $n) (i32.const 1000) (local.get $name) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
        (else
          (i32.store8 (i32.const 16) (i32.add (i32.const 0x61) (local.get $n)))
          (call $subscribe (i32.const 16) (i32.const 1))))
      (br_if $next (local.get $n)))
    (call $reply (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "handle_info") (param $ev i32) (result i32)
    (call $push (i32.load offset=16 (local.get $ev)) (i32.load offset=20 (local.get $ev)) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0)))
