;; A function that does not exist, of a module that does.
;; verdict: refused
;; words: import "chhost_v1" "exec" is not served
(module
  (import "chhost_v1" "exec" (func (param i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0)))
