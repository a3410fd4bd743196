;; Writes to a constant.
;; verdict: refused
;; words: global.set when not mutable
;; wat2wasm --no-check
(module
  (memory (export "memory") 2)
  (global i32 (i32.const 7))
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (global.set 0 (i32.const 8))
    (i32.const 0)))
