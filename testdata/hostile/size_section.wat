;; A section says that it has 2^32-1 bytes.
;; verdict: refused
;; words: the section has 4294967295 bytes
;; words: (truncated)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\01\ff\ff\ff\ff\0f" ;; types, of 2^32-1 bytes
)
