;; A name that would break the list of faults if it were not quoted.
;; refused: import "chhost_v1" "lo\ng" is not served: did you mean "log"?
(module
  (import "chhost_v1" "lo\0ag" (func))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0)))
