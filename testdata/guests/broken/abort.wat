;; A failed assertion in AssemblyScript, whose strings are UTF-16 with their length
;; before them.
;; handle_in: TrapError: wasm: trap in handle_in: abort: "no\n☃" in "a.ts", line 12, column 34
;; handle_info: TrapError: abort: "" in "", line 0, column 0
(module
  (import "env" "abort" (func $abort (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 12) "\08\00\00\00n\00o\00\0a\00\03\26")
  (data (i32.const 28) "\08\00\00\00a\00.\00t\00s\00")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $abort (i32.const 16) (i32.const 32) (i32.const 12) (i32.const 34))
    (i32.const 0))
  (func (export "handle_info") (param i32) (result i32)
    (call $abort (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0)))
