;; Calls a function that the module does not have.
;; verdict: refused
;; words: section code
;; words: function 99 does not exist
;; words: (index)
;; wat2wasm --no-check
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call 99)
    (i32.const 0)))
