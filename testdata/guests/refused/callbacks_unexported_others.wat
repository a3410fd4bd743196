;; ch_callbacks names all callbacks, of which there is one.
;; refused: the trial instance failed: ch_callbacks names leave, which is not exported
;; refused: the trial instance failed: ch_callbacks names handle_in, which is not exported
;; refused: the trial instance failed: ch_callbacks names handle_out, which is not exported
;; refused: the trial instance failed: ch_callbacks names handle_info, which is not exported
;; refused: the trial instance failed: ch_callbacks names upgrade, which is not exported
;; refused: the trial instance failed: ch_callbacks names connect, which is not exported
;; refused: the trial instance failed: ch_callbacks names ch_idle, which is not exported
(module
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "ch_callbacks") (result i32) (i32.const 255)))
