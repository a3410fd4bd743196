;; Built for a minor version that is not there yet.
;; refused: the trial instance failed: ch_abi_version returned 1.1: this host serves 1.0 to 1.0
(module
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10001))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0)))
