;; Leaves functions that call themselves from within blocks and past values that nobody takes.
;; verdict: served
;; words: no answer
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (if (i32.ne (call $f (i32.const 1000)) (i32.const 1000)) (then (unreachable)))
    (i32.const 0))
  (func $f (param i32) (result i32)
    (i64.const 1)
    (f32.const 2)
    (if (i32.eqz (local.get 0)) (then
      (i64.const 3)
      (br 1 (i32.const 0))))
    (block (result i32)
      (i32.const 4)
      (block
        (f64.const 5)
        (br_table 2 1 2 (i32.add (call $f (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)) (i32.const 0)))
      (unreachable))
    (return)))
