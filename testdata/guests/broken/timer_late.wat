;; A timer that would be due in more than a day.
;; join: ContractError: send_after, argument delay_ms: 86400001 ms are longer than 86400000, a day
;; handle_info: ContractError: send_after, argument delay_ms: 4294967295 ms are longer than
(module
  (import "chhost_v1" "send_after" (func $send_after (param i32 i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "e")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32)
    (call $send_after (i32.const 1) (i32.const 86400001) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "handle_info") (param i32) (result i32)
    (call $send_after (i32.const 1) (i32.const 4294967295) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0)))
