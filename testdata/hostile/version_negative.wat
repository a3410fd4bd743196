;; ch_abi_version returns -1.
;; verdict: refused
;; words: ch_abi_version returned 65535.65535: this host serves 1.0
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const -1))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0)))
