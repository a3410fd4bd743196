;; Imports that exist, and may not be called in these callbacks.
;; join: ContractError: reply_to: it may not be called in join
;; leave: ContractError: assign: it may not be called in leave
;; handle_in: ContractError: intercept: it may not be called in handle_in
;; handle_out: ContractError: broadcast: it may not be called in handle_out
;; handle_info: ContractError: reply: it may not be called in handle_info
;; upgrade: ContractError: broadcast_to: it may not be called in upgrade
;; connect: ContractError: push: it may not be called in connect
;; ch_idle: ContractError: send_after: it may not be called in ch_idle
(module
  (import "chhost_v1" "reply_to" (func $reply_to (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "assign" (func $assign (param i32 i32)))
  (import "chhost_v1" "intercept" (func $intercept (param i32 i32)))
  (import "chhost_v1" "broadcast" (func $broadcast (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (import "chhost_v1" "broadcast_to" (func $broadcast_to (param i32 i32 i32 i32 i32 i32 i32)))
  (import "chhost_v1" "push" (func $push (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "send_after" (func $send_after (param i32 i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "e")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32)
    (call $reply_to (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "leave") (param i32) (result i32)
    (call $assign (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $intercept (i32.const 0) (i32.const 1))
    (i32.const 0))
  (func (export "handle_out") (param i32) (result i32)
    (call $broadcast (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "handle_info") (param i32) (result i32)
    (call $reply (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "upgrade") (param i32) (result i32)
    (call $broadcast_to (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "connect") (param i32) (result i32)
    (call $push (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "ch_idle") (result i32)
    (call $send_after (i32.const 1) (i32.const 10) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0)))
