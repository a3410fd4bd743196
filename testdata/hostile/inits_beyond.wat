;; Copies 128 KiB from a data segment of 20 bytes: no piece of it may be written.
;; verdict: fails in handle_in
;; words: out of bounds memory access
(module
  (memory (export "memory") 4)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (memory.init $d (i32.const 0) (i32.const 4) (i32.const 131072))
    (i32.const 0))
  (data $d "twenty bytes of data"))
