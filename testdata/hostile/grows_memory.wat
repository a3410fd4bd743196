;; Asks for memory page by page, and goes on when it gets none.
;; verdict: fails in handle_in
;; words: limit out_of_fuel exceeded in handle_in
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (loop $again
      (drop (memory.grow (i32.const 1)))
      (br $again))
    (i32.const 0)))
