;; Throws an exception.
;; verdict: refused
;; words: there is no section 13
;; wat2wasm --enable-exceptions
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (throw $oops))
  (tag $oops))
