;; A module in the text format.
;; verdict: refused
;; words: this is not a WebAssembly module
(module binary
  "(module (memory 1))"
)
