;; A guest that could close the channels of others.
;; join: ContractError: broadcast, argument event_ptr: the event phx_close belongs to the host
;; leave: ContractError: broadcast_from, argument event_ptr: the event phx_close belongs to the host
;; handle_in: ContractError: broadcast_to, argument event_ptr: the event phx_close belongs to the host
;; handle_out: ContractError: push, argument event_ptr: the event presence_diff belongs to the host
;; handle_info: ContractError: broadcast, argument event_ptr: the event presence_state belongs to the host
;; upgrade: ContractError: send_after, argument event_ptr: the event phx_close belongs to the host
(module
  (import "chhost_v1" "broadcast" (func $broadcast (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "broadcast_from" (func $broadcast_from (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "broadcast_to" (func $broadcast_to (param i32 i32 i32 i32 i32 i32 i32)))
  (import "chhost_v1" "push" (func $push (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "send_after" (func $send_after (param i32 i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "e")
  (data (i32.const 32) "phx_close")
  (data (i32.const 48) "presence_diff")
  (data (i32.const 64) "presence_state")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32)
    (call $broadcast (i32.const 32) (i32.const 9) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "leave") (param i32) (result i32)
    (call $broadcast_from (i32.const 32) (i32.const 9) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $broadcast_to (i32.const 0) (i32.const 1) (i32.const 32) (i32.const 9) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "handle_out") (param i32) (result i32)
    (call $push (i32.const 48) (i32.const 13) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "handle_info") (param i32) (result i32)
    (call $broadcast (i32.const 64) (i32.const 14) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "upgrade") (param i32) (result i32)
    (call $send_after (i32.const 1) (i32.const 10) (i32.const 32) (i32.const 9) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0)))
