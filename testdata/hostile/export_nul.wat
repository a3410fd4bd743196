;; An export whose name is that of a callback, a NUL and more.
;; verdict: refused
;; words: export "handle_out\x00x" is not part of the contract, and names like it are reserved
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\01\0d\03\60\00\01\7f\60\01\7f\01\7f\60\00\00" ;; types: () -> i32, i32 -> i32, () -> ()
  "\03\05\04\00\01\01\01" ;; four functions
  "\05\03\01\00\02" ;; a memory of two pages
  "\07\49\06\06\6d\65\6d\6f\72\79\02\00\0e\63\68\5f\61\62\69\5f\76\65\72\73\69\6f\6e\00\00\09\63\68\5f\62\75\66\66\65\72\00\01\04\6a\6f\69\6e\00\02\09\68\61\6e\64\6c\65\5f\69\6e\00\03\0c\68\61\6e\64\6c\65\5f\6f\75\74\00\78\00\02" ;; their exports
  "\0a\18\04\06\00\41\80\80\04\0b\05\00\41\80\08\0b\04\00\41\00\0b\04\00\41\00\0b" ;; their code; the last is handle_in
)
