;; A table that begins larger than it may become.
;; verdict: refused
;; words: the module is not valid WebAssembly: section table
;; words: the minimum of a table, 4, is above its maximum, 2
;; words: is above its maximum
;; wat2wasm --no-check
(module
  (memory (export "memory") 2)
  (table 4 2 funcref)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0)))
