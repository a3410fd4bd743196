;; What is declared is declared in ch_init.
;; join: ContractError: accept_binary: it may not be called in join
;; upgrade: ContractError: intercept: it may not be called in upgrade
(module
  (import "chhost_v1" "accept_binary" (func $accept_binary))
  (import "chhost_v1" "intercept" (func $intercept (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "e")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (call $accept_binary) (i32.const 0))
  (func (export "upgrade") (param i32) (result i32)
    (call $intercept (i32.const 0) (i32.const 1))
    (i32.const 0)))
