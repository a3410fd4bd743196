;; A guest that logs why each channel ended: "left " and the kind's number. The
;; event "stop" ends the channel, "trap" traps, any other is replied to.
(module
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (import "chhost_v1" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "left ?")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "leave") (param $ev i32) (result i32)
    (i32.store8 (i32.const 21) (i32.add (i32.const 48) (i32.load offset=64 (local.get $ev))))
    (call $log (i32.const 1) (i32.const 16) (i32.const 6))
    (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (local $name i32)
    (local.set $name (i32.load (i32.load offset=16 (local.get $ev))))
    (if (i32.eq (local.get $name) (i32.const 0x70617274)) (then (unreachable)))              ;; trap
    (if (i32.eq (local.get $name) (i32.const 0x706f7473)) (then (return (i32.const 2))))     ;; stop
    (call $reply (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0)))
