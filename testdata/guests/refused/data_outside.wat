;; A data segment outside of the memory: valid, but it cannot be instantiated.
;; refused: the trial instance failed: instantiate: 
(module
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (data (i32.const 65535) "ab"))
