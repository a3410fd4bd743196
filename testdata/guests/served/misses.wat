;; A guest that loops for ever over 32 MiB in leaps, each of which depends on what the
;; last one read, so that hardly any load finds its data in a cache. Everybody may join.
(module
  (memory (export "memory") 600)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (local $at i32)
    (if (i32.eqz (i32.load (i32.const 65536))) ;; what was never written is one page of the system's
      (then (memory.fill (i32.const 65536) (i32.const 1) (i32.const 0x2000000))))
    (loop $again
      (local.set $at
        (i32.add
          (i32.mul (local.get $at) (i32.const 1664525))
          (i32.add (i32.load offset=65536 (i32.and (local.get $at) (i32.const 0x1ffffc0))) (i32.const 1013904223))))
      (br $again))
    (unreachable)))
