;; A module for another major version.
;; refused: import "chhost_v2" "reply" is not served: the module was built for another major version of the contract, this host serves "chhost_v1"
(module
  (import "chhost_v2" "reply" (func (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0)))
