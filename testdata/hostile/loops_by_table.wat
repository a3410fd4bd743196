;; A loop whose way back is a br_table.
;; verdict: fails in handle_in
;; words: limit out_of_fuel exceeded in handle_in
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (loop $again (br_table $again $again $again (i32.const 7)))
    (i32.const 0)))
