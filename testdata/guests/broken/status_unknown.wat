;; Numbers that are no status.
;; join: ContractError: status 5 was returned
;; leave: ContractError: status 32 was returned
;; handle_in: ContractError: status -1 was returned
;; handle_out: ContractError: status 2147483647 was returned
;; handle_info: ContractError: status 64 was returned
;; upgrade: ContractError: status -2147483648 was returned
;; connect: ContractError: status 256 was returned
;; ch_idle: ContractError: status 5 was returned
(module
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 5))
  (func (export "leave") (param i32) (result i32) (i32.const 32))
  (func (export "handle_in") (param i32) (result i32) (i32.const -1))
  (func (export "handle_out") (param i32) (result i32) (i32.const 2147483647))
  (func (export "handle_info") (param i32) (result i32) (i32.const 64))
  (func (export "upgrade") (param i32) (result i32) (i32.const 0x80000000))
  (func (export "connect") (param i32) (result i32) (i32.const 256))
  (func (export "ch_idle") (result i32) (i32.const 5)))
