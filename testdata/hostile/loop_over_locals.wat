;; A loop that jumps to its head from the midst of blocks.
;; push: out_of_
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (loop $again (block (block (block (br $again))))) (i32.const 0)))
