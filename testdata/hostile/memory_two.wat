;; Two memories, of which only one would be counted.
;; refused: memor
;; wat2wasm --enable-multi-memory
(module
  (memory (export "memory") 1)
  (memory 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (i32.const 0)))
