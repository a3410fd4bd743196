;; Two functions that call each other for ever.
;; verdict: fails in handle_in
;; words: stack overflow
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (call $ping (i32.const 0)))
  (func $ping (param i32) (result i32) (i32.add (call $pong (local.get 0)) (i32.const 1)))
  (func $pong (param i32) (result i32) (i32.sub (call $ping (local.get 0)) (i32.const 1))))
