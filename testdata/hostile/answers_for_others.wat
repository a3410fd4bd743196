;; Answers four thousand events that are not its own.
;; verdict: fails in handle_in
;; words: too_many_effects
(module
  (import "chhost_v1" "reply_to" (func $reply_to (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (local $n i32)
    (local.set $n (i32.const 4000))
    (loop $again
      (call $reply_to (local.get $n) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.const 0)))
