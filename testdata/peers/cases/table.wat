;; A table of 16 million elements, which no page limit counts.
(module
  (memory (export "memory") 4)
  (table $t 1 funcref)
  (func $run (export "run") (result i32)
    (drop (table.grow $t (ref.null func) (i32.const 16000000)))
    (i32.const 0))
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (drop (call $run)) (i32.const 0)))
