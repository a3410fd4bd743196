;; The data count says 2^32-1, and there is no data segment.
;; verdict: refused
;; words: section data count
;; words: (count)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\01\0d\03\60\00\01\7f\60\01\7f\01\7f\60\00\00" ;; types: () -> i32, i32 -> i32, () -> ()
  "\0c\05\ff\ff\ff\ff\0f" ;; 2^32-1
)
