;; A guest that fills 32 MiB again and again and never comes back from handle_in: each
;; time would be tens of milliseconds in one piece. Everybody may join.
(module
  (memory (export "memory") 512)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32)
    (select (i32.const 1024) (i32.const 0) (i32.le_u (local.get $size) (i32.const 130048))))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (loop $again
      (memory.fill (i32.const 0) (i32.const 7) (i32.const 33554432))
      (br $again))
    (i32.const 0)))
