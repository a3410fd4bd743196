;; A program for Linux.
;; verdict: refused
;; words: this is not a WebAssembly module
(module binary
  "\7f\45\4c\46\02\01\01\00"
)
