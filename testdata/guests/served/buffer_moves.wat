;; A guest whose region is somewhere else each time, at addresses that are not
;; aligned, and grows the memory. It replies with the payload, and traps if the
;; event is not aligned.
(module
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (global $next (mut i32) (i32.const 1025))
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32)
    (drop (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get $size) (i32.const 16)))))
    (global.get $next)
    (global.set $next (i32.add (i32.add (global.get $next) (local.get $size)) (i32.const 1))))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32)
    (if (i32.and (local.get $ev) (i32.const 7)) (then unreachable))
    (call $reply (i32.const 0) (i32.load offset=24 (local.get $ev)) (i32.load offset=28 (local.get $ev)) (i32.const 0))
    (i32.const 0)))
