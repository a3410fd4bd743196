;; A callback that does not stop asking.
;; join: LimitError: limit too_many_effects exceeded in join: 256 are allowed
;; leave: LimitError: limit too_many_effects exceeded in leave: 256 are allowed
;; handle_out: LimitError: limit too_many_effects exceeded in handle_out: 256 are allowed
;; handle_info: LimitError: limit too_many_effects exceeded in handle_info: 256 are allowed
(module
  (import "chhost_v1" "subscribe" (func $subscribe (param i32 i32)))
  (import "chhost_v1" "broadcast_to" (func $broadcast_to (param i32 i32 i32 i32 i32 i32 i32)))
  (import "chhost_v1" "cancel" (func $cancel (param i32)))
  (import "chhost_v1" "reply_to" (func $reply_to (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "e")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32)
    (loop $again (call $subscribe (i32.const 0) (i32.const 1)) (br $again))
    (i32.const 0))
  (func (export "leave") (param i32) (result i32)
    (loop $again (call $broadcast_to (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)) (br $again))
    (i32.const 0))
  (func (export "handle_out") (param i32) (result i32)
    (loop $again (call $cancel (i32.const 1)) (br $again))
    (i32.const 0))
  (func (export "handle_info") (param i32) (result i32)
    (loop $again (call $reply_to (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (br $again))
    (i32.const 0)))
