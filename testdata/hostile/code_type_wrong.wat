;; Returns 64 bits where 32 are declared.
;; verdict: refused
;; words: cannot use i64 as result[0] type i32
;; wat2wasm --no-check
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i64.const 0)))
