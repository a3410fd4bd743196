;; Callbacks with other types.
;; refused: export "leave" has the type (i64) -> i32: expected (i32) -> i32
;; refused: export "handle_out" has the type () -> i32: expected (i32) -> i32
;; refused: export "handle_info" has the type (i32, i32) -> i32: expected (i32) -> i32
;; refused: export "upgrade" has the type (i32) -> (): expected (i32) -> i32
;; refused: export "connect" has the type (i32) -> i64: expected (i32) -> i32
;; refused: export "ch_idle" has the type (i32) -> i32: expected () -> i32
(module
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "leave") (param i64) (result i32) (i32.const 0))
  (func (export "handle_out") (result i32) (i32.const 0))
  (func (export "handle_info") (param i32 i32) (result i32) (i32.const 0))
  (func (export "upgrade") (param i32))
  (func (export "connect") (param i32) (result i64) (i64.const 0))
  (func (export "ch_idle") (param i32) (result i32) (i32.const 0)))
