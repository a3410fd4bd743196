;; The name of an import says that it has 2^32-1 bytes.
;; verdict: refused
;; words: section import
;; words: 4294967295 bytes
;; words: (truncated)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\01\0d\03\60\00\01\7f\60\01\7f\01\7f\60\00\00" ;; types: () -> i32, i32 -> i32, () -> ()
  "\02\08\01\ff\ff\ff\ff\0f\00\00" ;; one import
)
