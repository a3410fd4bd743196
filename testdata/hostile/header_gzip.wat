;; A module that somebody has compressed.
;; verdict: refused
;; words: this is not a WebAssembly module
(module binary
  "\1f\8b\08\00\00\00\00\00"
)
