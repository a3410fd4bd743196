;; wat2wasm --debug-names
;; A guest that calls itself like the host's module. Names of modules mean
;; nothing: there can be several instances, and none can be imported from.
(module $chhost_v1
  (import "chhost_v1" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func $welcome (export "join") (param i32) (result i32)
    (call $log (i32.const 1) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func $where_it_happens (export "handle_in") (param i32) (result i32) unreachable))
