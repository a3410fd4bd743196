;; A guest that lets everyone in and has nothing else: no handle_in, no leave,
;; and it does not take bytes. testdata/conversations/protocol.txt shows what a
;; client is told.
(module
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32)
    (select (i32.const 1024) (i32.const 0) (i32.le_u (local.get $size) (i32.const 64512))))
  (func (export "join") (param i32) (result i32) (i32.const 0)))
