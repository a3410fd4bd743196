;; A callback that is not even a function.
;; refused: export "handle_in" is a global: names like it are reserved for the contract's functions
(module
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (global (export "handle_in") i32 (i32.const 7)))
