;; A function that calls itself for ever.
;; handle_in: TrapError: stack overflow
(module
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func $deep (export "handle_in") (param i32) (result i32) (i32.add (i32.const 1) (call $deep (local.get 0)))))
