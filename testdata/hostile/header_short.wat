;; Seven of the eight bytes of the header.
;; verdict: refused
;; words: this is not a WebAssembly module
(module binary
  "\00\61\73\6d\01\00\00"
)
