;; A callback of a later version.
;; refused: export "handle_out_batch" is not part of the contract, and names like it are reserved
(module
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_out_batch") (param i32) (result i32) (i32.const 0)))
