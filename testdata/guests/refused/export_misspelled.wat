;; A misspelled callback would never be called.
;; refused: export "handle_inn" is not part of the contract, and names like it are reserved: did you mean "handle_in"?
(module
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_inn") (param i32) (result i32) (i32.const 0)))
