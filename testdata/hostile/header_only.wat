;; The header of a module and nothing else: all that the contract wants is missing.
;; verdict: refused
;; words: export "memory" is missing
;; words: export "ch_abi_version" is missing
;; words: export "ch_buffer" is missing
;; words: export "join" is missing
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
)
