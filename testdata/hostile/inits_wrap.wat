;; Copies from a place in a data segment that wraps around.
;; verdict: fails in handle_in
;; words: out of bounds memory access
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (memory.init $d (i32.const 0) (i32.const -1) (i32.const 2))
    (i32.const 0))
  (data $d "data"))
