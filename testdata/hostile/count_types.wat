;; The section of types says that it has 2^32-1 of them, and ends.
;; verdict: refused
;; words: section type, offset 10
;; words: (count)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\01\05\ff\ff\ff\ff\0f" ;; 2^32-1, and nothing behind it
)
