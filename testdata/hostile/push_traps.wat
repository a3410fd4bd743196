;; Traps in handle_in.
;; verdict: fails in handle_in
;; words: wasm: trap in handle_in
;; words: unreachable
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (unreachable)))
