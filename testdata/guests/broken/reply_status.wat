;; A reply is ok or an error.
;; join: ContractError: reply, argument status: 0 (ok) or 1 (error) is allowed, not 2
;; handle_in: ContractError: reply_to, argument status: 0 (ok) or 1 (error) is allowed, not 4294967295
;; handle_info: ContractError: reply_to, argument status: 0 (ok) or 1 (error) is allowed, not 2
;; connect: ContractError: reply, argument status: 0 (ok) or 1 (error) is allowed, not 403
(module
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (import "chhost_v1" "reply_to" (func $reply_to (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "e")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32)
    (call $reply (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $reply_to (i32.const 1) (i32.const 4294967295) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "handle_info") (param i32) (result i32)
    (call $reply_to (i32.const 1) (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "connect") (param i32) (result i32)
    (call $reply (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0)))
