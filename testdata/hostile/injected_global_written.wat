;; Gives itself fuel, in the global behind its own.
;; verdict: refused
;; words: global 0 does not exist: there are 0
;; words: (index)
;; wat2wasm --no-check
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (global.set 0 (i64.const 0x7fffffffffffffff))
    (i32.const 0)))
