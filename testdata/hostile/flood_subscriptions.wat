;; Subscribes to a seventeenth topic.
;; verdict: fails in handle_in
;; words: too_many_subscriptions
(module
  (import "chhost_v1" "subscribe" (func $subscribe (param i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "aaaaaaaaaaaaaaaaaaaa")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (local $n i32)
    (loop $again
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (call $subscribe (i32.const 16) (local.get $n))
      (br_if $again (i32.lt_u (local.get $n) (i32.const 17))))
    (i32.const 0))
  (func (export "handle_info") (param i32) (result i32) (i32.const 0)))
