;; Imports of a later version.
;; refused: import "chhost_v1" "track" is not served: it is kept for a later version of the contract, this host serves 1.0
;; refused: import "chhost_v1" "untrack" is not served: it is kept for a later version of the contract, this host serves 1.0
;; refused: import "chhost_v1" "presence_list" is not served: it is kept for a later version of the contract, this host serves 1.0
;; refused: import "chhost_v1" "kv_get" is not served: it is kept for a later version of the contract, this host serves 1.0
;; refused: import "chhost_v1" "fetch" is not served: it is kept for a later version of the contract, this host serves 1.0
(module
  (import "chhost_v1" "track" (func (param i32 i32)))
  (import "chhost_v1" "untrack" (func (param i32 i32)))
  (import "chhost_v1" "presence_list" (func (param i32 i32)))
  (import "chhost_v1" "kv_get" (func (param i32 i32)))
  (import "chhost_v1" "fetch" (func (param i32 i32)))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0)))
