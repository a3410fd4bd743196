;; Imports of AssemblyScript with other types.
;; refused: import "env" "abort" has the type (i32, i32, i32) -> (): expected (i32, i32, i32, i32) -> ()
;; refused: import "env" "Date.now" has the type () -> i64: expected () -> f64
;; refused: import "env" "trace" has the type (i32, i32) -> (): expected (i32, i32, f64, f64, f64, f64, f64) -> ()
(module
  (import "env" "abort" (func (param i32 i32 i32)))
  (import "env" "Date.now" (func (result i64)))
  (import "env" "trace" (func (param i32 i32)))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0)))
