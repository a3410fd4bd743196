;; A memory of 64 MiB and a page; the limit is 64 MiB.
;; refused: the module is larger than what is served: section memory, 
(module
  (memory (export "memory") 1025)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0)))
