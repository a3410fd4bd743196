;; Asks for a larger table, and goes on when it gets none.
;; verdict: fails in handle_in
;; words: limit out_of_fuel exceeded in handle_in
(module
  (memory (export "memory") 2)
  (table 1 funcref)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (loop $again
      (drop (table.grow 0 (ref.null func) (i32.const 1000)))
      (br $again))
    (i32.const 0)))
