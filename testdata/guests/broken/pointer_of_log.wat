;; Addresses beyond the end of the memory, of what is always allowed.
;; join: ContractError: log, argument ptr: 1 bytes at address 65536 are not in the memory
;; handle_in: ContractError: config_get, argument key_ptr: 1 bytes at address 65536 are not in the memory
(module
  (import "chhost_v1" "log" (func $log (param i32 i32 i32)))
  (import "chhost_v1" "config_get" (func $config_get (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "e")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32)
    (call $log (i32.const 1) (i32.const 65536) (i32.const 1))
    (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (drop (call $config_get (i32.const 65536) (i32.const 1) (i32.const 0) (i32.const 0)))
    (i32.const 0)))
