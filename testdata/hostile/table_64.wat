;; A table whose indices have 64 bits.
;; verdict: refused
;; words: section table
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\01\0d\03\60\00\01\7f\60\01\7f\01\7f\60\00\00" ;; types: () -> i32, i32 -> i32, () -> ()
  "\03\05\04\00\01\01\01" ;; four functions
  "\04\04\01\70\04\00"
  "\05\03\01\00\02" ;; a memory of two pages
  "\07:\05\06memory\02\00\0ech_abi_version\00\00\09ch_buffer\00\01\04join\00\02\09handle_in\00\03" ;; their exports
  "\0a\18\04\06\00\41\80\80\04\0b\05\00\41\80\08\0b\04\00\41\00\0b\04\00\41\00\0b" ;; their code; the last is handle_in
)
