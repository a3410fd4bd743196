;; A memory of 4 GiB.
;; verdict: refused
;; words: the memory begins with 65536 pages of 64 KiB: 1024 are allowed
;; words: (budget)
(module
  (memory (export "memory") 65536)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0)))
