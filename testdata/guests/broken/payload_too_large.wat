;; A payload of more than 320 KiB.
;; join: LimitError: limit payload_too_large exceeded in join: 327681 bytes, 327680 are allowed
;; handle_in: LimitError: limit payload_too_large exceeded in handle_in: 327681 bytes, 327680 are allowed
;; handle_info: LimitError: limit payload_too_large exceeded in handle_info: 327681 bytes, 327680 are allowed
;; connect: LimitError: limit payload_too_large exceeded in connect: 327681 bytes, 327680 are allowed
(module
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (import "chhost_v1" "send_after" (func $send_after (param i32 i32 i32 i32 i32 i32 i32)))
  (import "chhost_v1" "reply_to" (func $reply_to (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 6)
  (data (i32.const 0) "e")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32)
    (call $reply (i32.const 0) (i32.const 0) (i32.const 327681) (i32.const 1))
    (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $send_after (i32.const 1) (i32.const 10) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 327681) (i32.const 1))
    (i32.const 0))
  (func (export "handle_info") (param i32) (result i32)
    (call $reply_to (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 327681) (i32.const 1))
    (i32.const 0))
  (func (export "connect") (param i32) (result i32)
    (call $reply (i32.const 0) (i32.const 0) (i32.const 327681) (i32.const 1))
    (i32.const 0)))
