// Package hostile holds modules that do harm, one fault each, and what is to become of
// them. They are in the command too: chhost torture uploads them to a host.
package hostile

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed *.wat *.wasm
var files embed.FS

// Kind is one of the modules.
type Kind struct {
	// Name is that of its file, without the ending.
	Name string
	// Verdict is what becomes of it: "refused" when it is uploaded, or it fails in "join",
	// in "push" (handle_in), or "later" (a timer, a broadcast), or it is "served".
	Verdict string
	// Words are to be in the reason: in the upload's error, or in the plugin's log.
	Words []string
	// Module is the module in the binary format.
	Module []byte
}

// verdicts are what the comment of a file can say.
var verdicts = []string{"refused", "join", "push", "later", "served"}

// Kinds returns all of them, by name. The error is a file whose comment does not say
// what is to become of it, see README.md.
func Kinds() ([]Kind, error) {
	names, err := fs.Glob(files, "*.wat")
	if err != nil {
		return nil, err
	}
	kinds := make([]Kind, 0, len(names))
	for _, file := range names {
		k := Kind{Name: strings.TrimSuffix(file, ".wat")}
		source, err := files.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if k.Module, err = files.ReadFile(k.Name + ".wasm"); err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(source)) {
			comment, ok := strings.CutPrefix(line, ";; ")
			if !ok {
				break
			}
			verdict, words, _ := strings.Cut(strings.TrimSpace(comment), ": ")
			switch {
			case !slices.Contains(verdicts, verdict):
				continue
			case k.Verdict != "" && k.Verdict != verdict:
				return nil, fmt.Errorf("hostile: %s: the verdict is %s, and %s", file, k.Verdict, verdict)
			}
			if k.Verdict = verdict; words != "" {
				k.Words = append(k.Words, words)
			}
		}
		if k.Verdict == "" || k.Verdict != "served" && len(k.Words) == 0 {
			return nil, fmt.Errorf("hostile: %s: the comment says no verdict, or no word of the reason", file)
		}
		kinds = append(kinds, k)
	}
	return kinds, nil
}
