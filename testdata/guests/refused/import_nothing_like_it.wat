;; An import that resembles nothing.
;; refused: import "chhost_v1" "teleport" is not served
(module
  (import "chhost_v1" "teleport" (func))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0)))
