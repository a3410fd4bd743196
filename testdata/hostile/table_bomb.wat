;; A table of 2^32-1 elements, which are 32 GiB.
;; verdict: refused
;; words: 4294967295 elements: 65536 are allowed
;; words: (budget)
(module
  (memory (export "memory") 2)
  (table 0xffffffff funcref)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0)))
