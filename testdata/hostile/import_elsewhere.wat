;; A function of the contract, of the wrong module.
;; verdict: refused
;; words: "reply" belongs to the module "chhost_v1"
(module
  (import "wasi_snapshot_preview1" "reply" (func (param i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0)))
