;; Statuses that exist, and mean nothing in these callbacks.
;; join: ContractError: join: status 4 was returned: allowed are [OK ERROR STOP IGNORE]
;; leave: ContractError: leave: status 4 was returned: allowed are [OK ERROR]
;; handle_in: ContractError: handle_in: status 3 was returned: allowed are [OK ERROR STOP]
;; handle_out: ContractError: handle_out: status 3 was returned: allowed are [OK ERROR STOP PASS]
;; handle_info: ContractError: handle_info: status 4 was returned: allowed are [OK ERROR STOP]
;; upgrade: ContractError: upgrade: status 2 was returned: allowed are [OK ERROR]
;; connect: ContractError: connect: status 3 was returned: allowed are [OK ERROR]
;; ch_idle: ContractError: ch_idle: status 1 was returned: allowed are [OK]
(module
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 4))
  (func (export "leave") (param i32) (result i32) (i32.const 4))
  (func (export "handle_in") (param i32) (result i32) (i32.const 3))
  (func (export "handle_out") (param i32) (result i32) (i32.const 3))
  (func (export "handle_info") (param i32) (result i32) (i32.const 4))
  (func (export "upgrade") (param i32) (result i32) (i32.const 2))
  (func (export "connect") (param i32) (result i32) (i32.const 3))
  (func (export "ch_idle") (result i32) (i32.const 1)))
