;; JSON in Latin-1.
;; join: ContractError: reply, argument ptr: phx: not valid UTF-8
;; handle_in: ContractError: broadcast_to, argument ptr: phx: not valid UTF-8
;; handle_info: ContractError: reply_to, argument ptr: phx: not valid UTF-8
(module
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (import "chhost_v1" "broadcast_to" (func $broadcast_to (param i32 i32 i32 i32 i32 i32 i32)))
  (import "chhost_v1" "reply_to" (func $reply_to (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "e")
  (data (i32.const 32) "\"z\fcg\"")
  (data (i32.const 40) "{\"a\":\"\fc\"}")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32)
    (call $reply (i32.const 0) (i32.const 32) (i32.const 5) (i32.const 0))
    (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $broadcast_to (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 40) (i32.const 9) (i32.const 0))
    (i32.const 0))
  (func (export "handle_info") (param i32) (result i32)
    (call $reply_to (i32.const 1) (i32.const 0) (i32.const 32) (i32.const 5) (i32.const 0))
    (i32.const 0)))
