;; broadcast without its flags.
;; refused: import "chhost_v1" "broadcast" has the type (i32, i32, i32, i32) -> (): expected (i32, i32, i32, i32, i32) -> ()
(module
  (import "chhost_v1" "broadcast" (func (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0)))
