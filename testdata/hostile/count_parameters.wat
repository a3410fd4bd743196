;; A type says that it has 2^32-1 parameters.
;; verdict: refused
;; words: section type
;; words: parameters
;; words: (count)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\01\07\01\60\ff\ff\ff\ff\0f" ;; func, 2^32-1 parameters
)
