;; Copies from a data segment that the module does not have.
;; verdict: refused
;; words: section code
;; words: data segment 1 does not exist
;; words: (index)
;; wat2wasm --no-check
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (memory.init 1 (i32.const 0) (i32.const 0) (i32.const 1))
    (i32.const 0))
  (data "x"))
