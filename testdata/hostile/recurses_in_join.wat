;; A function that calls itself for ever, in join.
;; verdict: fails in join
;; words: stack overflow
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (call $deeper (i32.const 0)))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0))
  (func $deeper (param i32) (result i32) (i32.add (call $deeper (local.get 0)) (i32.const 1))))
