;; A timer that arms itself again whenever it comes: it goes on until the channel ends.
;; verdict: served
;; words: no answer
(module
  (import "chhost_v1" "send_after" (func $send_after (param i32 i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "t")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32)
    (call $send_after (i32.const 1) (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0))
  (func (export "handle_info") (param i32) (result i32)
    (call $send_after (i32.const 1) (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0)))
