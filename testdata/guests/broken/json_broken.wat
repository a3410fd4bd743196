;; What is not JSON, or more than one value.
;; join: ContractError: reply, argument ptr: phx: not one JSON value
;; leave: ContractError: broadcast, argument ptr: phx: not one JSON value
;; handle_in: ContractError: send_after, argument ptr: phx: not one JSON value
;; handle_info: ContractError: reply_to, argument ptr: phx: not one JSON value
(module
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (import "chhost_v1" "broadcast" (func $broadcast (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "send_after" (func $send_after (param i32 i32 i32 i32 i32 i32 i32)))
  (import "chhost_v1" "reply_to" (func $reply_to (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "e")
  (data (i32.const 32) "{")
  (data (i32.const 36) "{}{}")
  (data (i32.const 40) "{'a':1}")
  (data (i32.const 48) " ")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32)
    (call $reply (i32.const 0) (i32.const 32) (i32.const 1) (i32.const 0))
    (i32.const 0))
  (func (export "leave") (param i32) (result i32)
    (call $broadcast (i32.const 0) (i32.const 1) (i32.const 36) (i32.const 4) (i32.const 0))
    (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $send_after (i32.const 1) (i32.const 10) (i32.const 0) (i32.const 1) (i32.const 40) (i32.const 7) (i32.const 0))
    (i32.const 0))
  (func (export "handle_info") (param i32) (result i32)
    (call $reply_to (i32.const 1) (i32.const 0) (i32.const 48) (i32.const 1) (i32.const 0))
    (i32.const 0)))
