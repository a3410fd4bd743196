;; Calls itself for ever without a stack.
;; refused: instruction 0x12
;; wat2wasm --enable-tail-call
(module
  (memory (export "memory") 2)
  (func $again (result i32) (return_call $again))
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (i32.const 0)))
