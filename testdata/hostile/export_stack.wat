;; An export with the name of the global that bounds the stack.
;; verdict: refused
;; words: export "__chhost_stack" is a global: names like it are reserved
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0))
  (global (export "__chhost_stack") (mut i32) (i32.const 0x7fffffff)))
