;; Calls through a table that the module does not have.
;; verdict: refused
;; words: section code
;; words: table 0 does not exist
;; words: (index)
;; wat2wasm --no-check
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call_indirect (type $t) (i32.const 0))
    (i32.const 0))
  (type $t (func)))
