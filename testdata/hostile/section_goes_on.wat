;; A section is longer than what is in it.
;; verdict: refused
;; words: goes on for 1 bytes after its contents
;; words: (size)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\01\0e\03\60\00\01\7f\60\01\7f\01\7f\60\00\00\00" ;; types, and one byte more
)
