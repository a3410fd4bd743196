;; A call by a typed reference, which the meter does not know.
;; refused: instruction 0x14
;; wat2wasm --enable-function-references
(module
  (memory (export "memory") 2)
  (type $t (func (result i32)))
  (func $f (type $t) (i32.const 0))
  (elem declare func $f)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (call_ref (ref.func $f))))
