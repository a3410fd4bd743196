;; Arms a seventeenth timer, in join.
;; verdict: fails in join
;; words: too_many_timers
(module
  (import "chhost_v1" "send_after" (func $send_after (param i32 i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "t")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32)
    (local $key i32)
    (loop $again
      (call $send_after (local.get $key) (i32.const 60000) (i32.const 16) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0))
      (local.set $key (i32.add (local.get $key) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $key) (i32.const 17))))
    (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0))
  (func (export "handle_info") (param i32) (result i32) (i32.const 0)))
