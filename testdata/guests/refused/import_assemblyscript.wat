;; What AssemblyScript has and this host has not.
;; refused: import "env" "console.error" is not served: did you mean "console.log"?
;; refused: import "env" "Date.getTimezoneOffset" is not served: this module is for AssemblyScript
(module
  (import "env" "console.error" (func (param i32)))
  (import "env" "Date.getTimezoneOffset" (func (param i64) (result i32)))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0)))
