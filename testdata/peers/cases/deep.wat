;; A recursion of a million levels that returns, and another at each call.
(module
  (memory (export "memory") 4)
  (func $d (param i32) (result i32) (local i64 i64 i64 i64 i64 i64 i64 i64)
    (if (result i32) (local.get 0)
      (then (i32.add (call $d (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
      (else (i32.const 0))))
  (func $run (export "run") (result i32)
    (drop (call $d (i32.const 1000000)))
    (i32.const 0))
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (drop (call $run)) (i32.const 0)))
