;; Sends to the channels of another plugin what only the host sends.
;; verdict: fails in handle_in
;; words: the event phx_error belongs to the host
(module
  (import "chhost_v1" "broadcast_to" (func $broadcast_to (param i32 i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "neighbourphx_error")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $broadcast_to (i32.const 16) (i32.const 9) (i32.const 25) (i32.const 9) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0)))
