;; Traps when it is asked for its version.
;; refused: unreachable
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (unreachable))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (i32.const 0)))
