;; A function of a version of the contract that does not exist.
;; verdict: refused
;; words: another major version
(module
  (import "chhost_v2" "reply" (func (param i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0)))
