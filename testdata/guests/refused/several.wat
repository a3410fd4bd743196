;; Whatever is wrong is listed at once.
;; refused: import "chhost_v1" "psuh" is not served: did you mean "push"?
;; refused: import "chhost_v1" "log" has the type () -> (): expected (i32, i32, i32) -> ()
;; refused: export "memory" is missing
;; refused: export "ch_abi_version" is missing
;; refused: export "ch_buffer" is missing
;; refused: export "join" has the type () -> ()
;; refused: export "leave_now" is not part of the contract
;; refused: import "env" "heap" is a global
;; refused: the module has 2 tables
;; refused: export "ch_table" is a table
;; refused: the module has a start function
(module
  (import "chhost_v1" "psuh" (func))
  (import "chhost_v1" "log" (func))
  (import "env" "heap" (global i32))
  (func $join (export "join"))
  (table (export "ch_table") 1 funcref)
  (table 1 funcref)
  (func (export "leave_now"))
  (start $join))
