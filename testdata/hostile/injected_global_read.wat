;; Reads the global behind its own, where the host keeps the fuel.
;; verdict: refused
;; words: global 1 does not exist: there are 1
;; words: (index)
;; wat2wasm --no-check
(module
  (memory (export "memory") 2)
  (global (mut i32) (i32.const 0))
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (drop (global.get 1))
    (i32.const 0)))
