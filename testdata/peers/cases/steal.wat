;; Imports the memory of a module that calls itself "victim", by the name in its own name section.
(module
  (import "victim" "memory" (memory 1))
  (export "memory" (memory 0))
  (func $run (export "run") (result i32)
    (drop (i32.load (i32.const 0)))
    (i32.const 0))
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (drop (call $run)) (i32.const 0)))
