;; Effects of more than 1 MiB together.
;; handle_in: LimitError: limit too_many_effects exceeded in handle_in: the effects of one callback may have 1048576 bytes
;; handle_info: LimitError: limit too_many_effects exceeded in handle_info: the effects of one callback may have 1048576 bytes
;; upgrade: LimitError: limit too_many_effects exceeded in upgrade: the effects of one callback may have 1048576 bytes
(module
  (import "chhost_v1" "broadcast_to" (func $broadcast_to (param i32 i32 i32 i32 i32 i32 i32)))
  (import "chhost_v1" "reply_to" (func $reply_to (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "send_after" (func $send_after (param i32 i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "e")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (loop $again (call $broadcast_to (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 60000) (i32.const 1)) (br $again))
    (i32.const 0))
  (func (export "handle_info") (param i32) (result i32)
    (loop $again (call $reply_to (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 60000) (i32.const 1)) (br $again))
    (i32.const 0))
  (func (export "upgrade") (param i32) (result i32)
    (loop $again (call $send_after (i32.const 1) (i32.const 10) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 60000) (i32.const 1)) (br $again))
    (i32.const 0)))
