;; ch_buffer returns a region that ends beyond the memory.
;; verdict: refused
;; words: ch_buffer(4096) returned the address 131064, and the memory ends at 131072
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 131064))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0)))
