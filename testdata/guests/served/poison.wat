;; A guest that a client can crash: the event "boom" traps, and a broadcast of "curse"
;; traps at each who receives it. Any other event is replied to with its payload.
(module
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (import "chhost_v1" "broadcast_from" (func $broadcast_from (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "intercept" (func $intercept (param i32 i32)))
  (memory (export "memory") 8)
  (data (i32.const 16) "curse")

  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32)
    (select (i32.const 4096) (i32.const 0) (i32.lt_u (local.get $size) (i32.const 0x70000))))
  (func (export "ch_init") (result i32)
    (call $intercept (i32.const 16) (i32.const 5))
    (i32.const 0))
  (func (export "join") (param i32) (result i32) (i32.const 0))

  (func (export "handle_in") (param $ev i32) (result i32) (local $name i32)
    (local.set $name (i32.load (i32.load offset=16 (local.get $ev))))
    (if (i32.eq (local.get $name) (i32.const 0x6d6f6f62)) (then (unreachable))) ;; boom
    (if (i32.eq (local.get $name) (i32.const 0x73727563)) ;; curs
      (then (call $broadcast_from (i32.const 16) (i32.const 5) (i32.const 0) (i32.const 0) (i32.const 0))))
    (call $reply (i32.const 0) (i32.load offset=24 (local.get $ev)) (i32.load offset=28 (local.get $ev)) (i32.const 0))
    (i32.const 0))

  (func (export "handle_out") (param i32) (result i32) (unreachable)))
