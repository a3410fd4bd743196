;; Texts of AssemblyScript that are not in the memory.
;; join: ContractError: abort, argument message: there is no string at address 65537
;; handle_in: ContractError: abort, argument file: there is no string at address 2
;; handle_info: ContractError: console.log, argument message: 4294967295 bytes at address 16 are not in the memory
;; upgrade: ContractError: trace, argument message: there is no string at address 4294967295
(module
  (import "env" "abort" (func $abort (param i32 i32 i32 i32)))
  (import "env" "console.log" (func $log (param i32)))
  (import "env" "trace" (func $trace (param i32 i32 f64 f64 f64 f64 f64)))
  (memory (export "memory") 1)
  (data (i32.const 12) "\ff\ff\ff\ff")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32)
    (call $abort (i32.const 65537) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $abort (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "handle_info") (param i32) (result i32) (call $log (i32.const 16)) (i32.const 0))
  (func (export "upgrade") (param i32) (result i32)
    (call $trace (i32.const 0xffffffff) (i32.const 0) (f64.const 0) (f64.const 0) (f64.const 0) (f64.const 0) (f64.const 0))
    (i32.const 0)))
