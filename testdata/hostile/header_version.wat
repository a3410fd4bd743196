;; A version of the binary format that does not exist.
;; verdict: refused
;; words: the version of the binary format is 0x2; only 1 is known
(module binary
  "\00\61\73\6d\02\00\00\00"
)
