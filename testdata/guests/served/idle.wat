;; A guest that counts how often this instance was called when it was idle, and
;; replies with the number (9 and more is 9). After the event "trap" that call traps.
(module
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (global $idle (mut i32) (i32.const 0))
  (global $trap (mut i32) (i32.const 0))
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "ch_idle") (result i32)
    (if (global.get $trap) (then unreachable))
    (global.set $idle (i32.add (global.get $idle) (i32.lt_u (global.get $idle) (i32.const 9))))
    (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32)
    (global.set $trap
      (i32.eq (i32.load (i32.load offset=16 (local.get $ev))) (i32.const 0x70617274))) ;; "trap"
    (i32.store8 (i32.const 0) (i32.add (i32.const 48) (global.get $idle)))
    (call $reply (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0))
    (i32.const 0)))
