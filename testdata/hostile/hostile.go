// Package hostile holds the corpus of hostile modules, so that the command has it
// wherever it is installed. README.md explains the files.
package hostile

import "embed"

// Files are the modules, NAME.wasm, and what each was made of, NAME.wat, whose first
// lines say what is to become of it.
//
//go:embed *.wat *.wasm
var Files embed.FS
