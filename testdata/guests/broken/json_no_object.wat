;; A JSON value that is no object, where one is needed.
;; join: ContractError: broadcast, argument ptr: phx: the payload is not a JSON object
;; leave: ContractError: broadcast_from, argument ptr: phx: the payload is not a JSON object
;; handle_in: ContractError: broadcast_to, argument ptr: phx: the payload is not a JSON object
;; handle_out: ContractError: push, argument ptr: phx: the payload is not a JSON object
;; upgrade: ContractError: send_after, argument ptr: phx: the payload is not a JSON object
(module
  (import "chhost_v1" "broadcast" (func $broadcast (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "broadcast_from" (func $broadcast_from (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "broadcast_to" (func $broadcast_to (param i32 i32 i32 i32 i32 i32 i32)))
  (import "chhost_v1" "push" (func $push (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "send_after" (func $send_after (param i32 i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "e")
  (data (i32.const 32) "[1]")
  (data (i32.const 36) "null")
  (data (i32.const 40) "\"x\"")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32)
    (call $broadcast (i32.const 0) (i32.const 1) (i32.const 32) (i32.const 3) (i32.const 0))
    (i32.const 0))
  (func (export "leave") (param i32) (result i32)
    (call $broadcast_from (i32.const 0) (i32.const 1) (i32.const 36) (i32.const 4) (i32.const 0))
    (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $broadcast_to (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32) (i32.const 3) (i32.const 0))
    (i32.const 0))
  (func (export "handle_out") (param i32) (result i32)
    (call $push (i32.const 0) (i32.const 1) (i32.const 40) (i32.const 3) (i32.const 0))
    (i32.const 0))
  (func (export "upgrade") (param i32) (result i32)
    (call $send_after (i32.const 1) (i32.const 10) (i32.const 0) (i32.const 1) (i32.const 32) (i32.const 3) (i32.const 0))
    (i32.const 0)))
