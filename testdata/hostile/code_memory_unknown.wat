;; Reads a memory that the module does not have.
;; verdict: refused
;; words: section code
;; words: memory 0 does not exist
;; words: (index)
;; wat2wasm --no-check
(module
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.load (i32.const 0))))
