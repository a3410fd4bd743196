;; Gives itself stack, in the second global behind its own.
;; verdict: refused
;; words: global 1 does not exist: there are 0
;; words: (index)
;; wat2wasm --no-check
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (global.set 1 (i32.const 0x7fffffff))
    (i32.const 0)))
