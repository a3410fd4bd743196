;; Names that are like those of callbacks and would never be called.
;; refused: export "ch_idel" is not part of the contract, and names like it are reserved: did you mean "ch_idle"?
;; refused: export "connected" is not part of the contract, and names like it are reserved: did you mean "connect"?
;; refused: export "handle_infos" is not part of the contract, and names like it are reserved: did you mean "handle_info"?
;; refused: export "upgrades" is not part of the contract, and names like it are reserved: did you mean "upgrade"?
(module
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "upgrades") (param i32) (result i32) (i32.const 0))
  (func (export "handle_infos") (param i32) (result i32) (i32.const 0))
  (func (export "connected") (param i32) (result i32) (i32.const 0))
  (func (export "ch_idel") (param i32) (result i32) (i32.const 0)))
