;; The names in chhost.h have a prefix, those in the module have none.
;; refused: import "chhost_v1" "ch_reply" is not served: did you mean "reply"?
(module
  (import "chhost_v1" "ch_reply" (func (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0)))
