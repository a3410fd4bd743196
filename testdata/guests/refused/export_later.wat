;; A callback of a later version.
;; refused: export "handle_out_batch" is kept for a later version of the contract, this host serves 1.0
(module
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_out_batch") (param i32) (result i32) (i32.const 0)))
