;; handle_in takes 64 bits.
;; verdict: refused
;; words: export "handle_in" has the type
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i64) (result i32) (i32.const 0)))
