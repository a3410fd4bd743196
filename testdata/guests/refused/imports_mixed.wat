;; Every kind of import, with and without maxima, one after the other.
;; refused: import "chhost_v1" "missing" is not served
;; refused: import "env" "t1" is a table: only functions can be imported
;; refused: import "env" "t2" is a table: only functions can be imported
;; refused: import "env" "g1" is a global: only functions can be imported
;; refused: import "env" "m" is a memory: only functions can be imported
;; refused: import "env" "g2" is a global: only functions can be imported
(module
  (import "env" "t1" (table 1 300 funcref))
  (import "chhost_v1" "log" (func (param i32 i32 i32)))
  (import "env" "t2" (table 200 externref))
  (import "env" "g1" (global (mut i64)))
  (import "env" "m" (memory 1 200))
  (import "chhost_v1" "missing" (func (param i32)))
  (import "env" "g2" (global f64))
  (export "memory" (memory 0))
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0)))
