;; A guest that keeps what it should not: how many events this instance has
;; served. It replies with the number (one digit) and traps at the event "trap".
(module
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (global $served (mut i32) (i32.const 0))
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32)
    (global.set $served (i32.add (global.get $served) (i32.const 1)))
    (i32.store8 (i32.const 0) (i32.add (i32.const 48) (global.get $served)))
    (call $reply (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0))
    (if (i32.eq (i32.load (i32.load offset=16 (local.get $ev))) (i32.const 0x70617274)) ;; "trap"
      (then unreachable))
    (i32.const 0)))
