;; A name that belongs to the host, for something that is no function.
;; refused: export "__chhost_fuel" is a global: names like it are reserved
(module
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (global (export "__chhost_fuel") (mut i64) (i64.const 0)))
