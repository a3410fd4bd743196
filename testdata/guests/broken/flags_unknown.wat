;; Bits of flags that mean nothing yet.
;; join: ContractError: broadcast, argument flags: only the bit 1 (binary) is defined, got 0x2
;; leave: ContractError: broadcast_from, argument flags: only the bit 1 (binary) is defined, got 0x3
;; handle_in: ContractError: broadcast_to, argument flags: only the bit 1 (binary) is defined, got 0x80000000
;; handle_out: ContractError: push, argument flags: only the bit 1 (binary) is defined, got 0x4
;; handle_info: ContractError: reply_to, argument flags: only the bit 1 (binary) is defined, got 0x2
;; upgrade: ContractError: send_after, argument flags: only the bit 1 (binary) is defined, got 0xffffffff
;; connect: ContractError: reply, argument flags: only the bit 1 (binary) is defined, got 0x2
(module
  (import "chhost_v1" "broadcast" (func $broadcast (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "broadcast_from" (func $broadcast_from (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "broadcast_to" (func $broadcast_to (param i32 i32 i32 i32 i32 i32 i32)))
  (import "chhost_v1" "push" (func $push (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "reply_to" (func $reply_to (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "send_after" (func $send_after (param i32 i32 i32 i32 i32 i32 i32)))
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "e")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32)
    (call $broadcast (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 2))
    (i32.const 0))
  (func (export "leave") (param i32) (result i32)
    (call $broadcast_from (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 3))
    (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $broadcast_to (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 2147483648))
    (i32.const 0))
  (func (export "handle_out") (param i32) (result i32)
    (call $push (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 4))
    (i32.const 0))
  (func (export "handle_info") (param i32) (result i32)
    (call $reply_to (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2))
    (i32.const 0))
  (func (export "upgrade") (param i32) (result i32)
    (call $send_after (i32.const 1) (i32.const 10) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 4294967295))
    (i32.const 0))
  (func (export "connect") (param i32) (result i32)
    (call $reply (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2))
    (i32.const 0)))
