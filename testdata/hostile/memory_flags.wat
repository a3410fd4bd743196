;; A memory whose flags mean nothing.
;; verdict: refused
;; words: section memory
;; words: flags 0x7
;; words: (type)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\05\04\01\07\01\02"
)
