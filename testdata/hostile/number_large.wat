;; A number of 35 bits where one of 32 is needed.
;; verdict: refused
;; words: section type
;; words: (leb128)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\01\05\ff\ff\ff\ff\7f" ;; 2^35-1
)
