;; A type says that it has 2^32-1 results.
;; verdict: refused
;; words: section type
;; words: results
;; words: (count)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\01\08\01\60\00\ff\ff\ff\ff\0f" ;; func, no parameters, 2^32-1 results
)
