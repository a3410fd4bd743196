;; Takes all the memory that there is, writes to each page, and keeps it.
;; served
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (local $a i32) (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (loop $again (i32.store (local.get $a) (i32.const 1)) (br_if $again (i32.lt_u (local.tee $a (i32.add (local.get $a) (i32.const 4096))) (i32.mul (memory.size) (i32.const 65536))))) (i32.const 0)))
