;; Addresses beyond the end of the memory.
;; join: ContractError: subscribe, argument topic_ptr: 1 bytes at address 65536 are not in the memory
;; leave: ContractError: broadcast_to, argument topic_ptr: 2 bytes at address 65535 are not in the memory
;; handle_in: ContractError: send_after, argument ptr: 65537 bytes at address 0 are not in the memory
;; handle_out: ContractError: push, argument event_ptr: 1 bytes at address 4294967295 are not in the memory
;; handle_info: ContractError: reply_to, argument ptr: 1 bytes at address 65536 are not in the memory
;; upgrade: ContractError: assign, argument ptr: 4294967295 bytes at address 1 are not in the memory
;; connect: ContractError: reply, argument ptr: 2147483648 bytes at address 2147483648 are not in the memory
;; ch_idle: ContractError: config_get, argument buf: 1 bytes at address 65536 are not in the memory
(module
  (import "chhost_v1" "subscribe" (func $subscribe (param i32 i32)))
  (import "chhost_v1" "broadcast_to" (func $broadcast_to (param i32 i32 i32 i32 i32 i32 i32)))
  (import "chhost_v1" "send_after" (func $send_after (param i32 i32 i32 i32 i32 i32 i32)))
  (import "chhost_v1" "push" (func $push (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "reply_to" (func $reply_to (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "assign" (func $assign (param i32 i32)))
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (import "chhost_v1" "config_get" (func $config_get (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "e")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32)
    (call $subscribe (i32.const 65536) (i32.const 1))
    (i32.const 0))
  (func (export "leave") (param i32) (result i32)
    (call $broadcast_to (i32.const 65535) (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $send_after (i32.const 1) (i32.const 10) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 65537) (i32.const 0))
    (i32.const 0))
  (func (export "handle_out") (param i32) (result i32)
    (call $push (i32.const 4294967295) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "handle_info") (param i32) (result i32)
    (call $reply_to (i32.const 1) (i32.const 0) (i32.const 65536) (i32.const 1) (i32.const 0))
    (i32.const 0))
  (func (export "upgrade") (param i32) (result i32)
    (call $assign (i32.const 1) (i32.const 4294967295))
    (i32.const 0))
  (func (export "connect") (param i32) (result i32)
    (call $reply (i32.const 0) (i32.const 2147483648) (i32.const 2147483648) (i32.const 0))
    (i32.const 0))
  (func (export "ch_idle") (result i32)
    (drop (call $config_get (i32.const 0) (i32.const 1) (i32.const 65536) (i32.const 1)))
    (i32.const 0)))
