;; Shared memory is not part of WebAssembly 2.0.
;; wat2wasm --enable-threads
;; refused: the module is not valid WebAssembly: 
(module
  (memory (export "memory") 1 2 shared)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0)))
