;; Writes beyond the end of the memory.
;; verdict: fails in handle_in
;; words: out of bounds memory access
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (i32.store (i32.const 131069) (i32.const 1))
    (i32.const 0)))
