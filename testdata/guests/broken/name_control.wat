;; A line break in a name.
;; join: ContractError: subscribe, argument topic_ptr: phx: a name must not contain control characters
;; leave: ContractError: broadcast_to, argument topic_ptr: phx: a name must not contain control characters
;; handle_in: ContractError: broadcast_to, argument event_ptr: phx: a name must not contain control characters
;; handle_out: ContractError: push, argument event_ptr: phx: a name must not contain control characters
;; handle_info: ContractError: unsubscribe, argument topic_ptr: phx: a name must not contain control characters
;; upgrade: ContractError: send_after, argument event_ptr: phx: a name must not contain control characters
;; connect: ContractError: config_get, argument key_ptr: phx: a name must not contain control characters
(module
  (import "chhost_v1" "subscribe" (func $subscribe (param i32 i32)))
  (import "chhost_v1" "broadcast_to" (func $broadcast_to (param i32 i32 i32 i32 i32 i32 i32)))
  (import "chhost_v1" "push" (func $push (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "unsubscribe" (func $unsubscribe (param i32 i32)))
  (import "chhost_v1" "send_after" (func $send_after (param i32 i32 i32 i32 i32 i32 i32)))
  (import "chhost_v1" "config_get" (func $config_get (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "e")
  (data (i32.const 32) "a\0ab")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32)
    (call $subscribe (i32.const 32) (i32.const 3))
    (i32.const 0))
  (func (export "leave") (param i32) (result i32)
    (call $broadcast_to (i32.const 32) (i32.const 3) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $broadcast_to (i32.const 0) (i32.const 1) (i32.const 32) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "handle_out") (param i32) (result i32)
    (call $push (i32.const 32) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "handle_info") (param i32) (result i32)
    (call $unsubscribe (i32.const 32) (i32.const 3))
    (i32.const 0))
  (func (export "upgrade") (param i32) (result i32)
    (call $send_after (i32.const 1) (i32.const 10) (i32.const 32) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "connect") (param i32) (result i32)
    (drop (call $config_get (i32.const 32) (i32.const 3) (i32.const 0) (i32.const 0)))
    (i32.const 0)))
