;; A memory of 125 MiB from the beginning, where an instance may have 64.
;; refused: memory
(module
  (memory (export "memory") 2000)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (i32.const 0)))
