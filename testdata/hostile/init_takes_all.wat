;; Takes all memory at its start and traps for want of more.
;; refused: limit 
(module
  (memory (export "memory") 2)
  (func (export "ch_init") (result i32) (loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (unreachable))
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (i32.const 0)))
