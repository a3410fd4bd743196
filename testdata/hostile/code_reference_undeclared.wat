;; Makes a reference to a function that is in no table.
;; verdict: refused
;; words: undeclared function index 5 for ref.func
;; wat2wasm --no-check
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (drop (ref.func $hidden))
    (i32.const 0))
  (func $hidden))
