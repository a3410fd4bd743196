;; A tree of 2^60 calls, 60 deep: no loop, and a stack that does not grow.
(module
  (memory (export "memory") 4)
  (func $t (param i32)
    (if (local.get 0) (then
      (call $t (i32.sub (local.get 0) (i32.const 1)))
      (call $t (i32.sub (local.get 0) (i32.const 1))))))
  (func $run (export "run") (result i32)
    (call $t (i32.const 60))
    (i32.const 0))
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (drop (call $run)) (i32.const 0)))
