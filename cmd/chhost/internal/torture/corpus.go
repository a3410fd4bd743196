package torture

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/testdata/hostile"
)

// fromCorpus reads the files of testdata/hostile. An error is one of the files: no
// kind is left out in silence.
func fromCorpus(files fs.FS) ([]Kind, error) {
	sources, err := fs.Glob(files, "*.wat")
	if err != nil {
		return nil, err
	}
	all := make([]Kind, 0, len(sources))
	for _, source := range sources {
		text, err := fs.ReadFile(files, source)
		if err != nil {
			return nil, err
		}
		k, err := parseCase(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", source, err)
		}
		k.Name = strings.TrimSuffix(path.Base(source), ".wat")
		module, err := fs.ReadFile(files, strings.TrimSuffix(source, ".wat")+".wasm")
		if err != nil {
			return nil, fmt.Errorf("%s is not assembled: %w", source, err)
		}
		k.module = func() []byte { return module }
		all = append(all, k)
	}
	return all, nil
}

// parseCase reads the comment with which a file begins.
func parseCase(text string) (Kind, error) {
	var k Kind
	var fault []string
	for line := range strings.Lines(text) {
		line, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), ";; ")
		if !ok {
			break
		}
		key, value, _ := strings.Cut(line, ": ")
		switch {
		case key == "verdict" && k.Verdict != "":
			return k, fmt.Errorf("a second verdict, %q", value)
		case key == "verdict":
			k.Verdict = value
		case key == "words":
			k.Words = append(k.Words, value)
		case strings.HasPrefix(line, "wat2wasm --"):
		case k.Verdict != "":
			return k, fmt.Errorf("%q follows the verdict: what the fault is comes first", line)
		default:
			fault = append(fault, line)
		}
	}
	k.Fault = strings.Join(fault, " ")
	return k, k.complete()
}

// complete tells what a declaration lacks.
func (k *Kind) complete() error {
	switch {
	case k.Fault == "":
		return fmt.Errorf("it does not say what the fault is")
	case !isVerdict(k.Verdict):
		return fmt.Errorf("the verdict %q: there are %q, %q, %q and %q with a callback", k.Verdict, Refused, Served, Quarantined, failsIn)
	case len(k.Words) == 0:
		return fmt.Errorf("it does not say which words the reason has")
	}
	for _, w := range k.Words {
		if strings.TrimSpace(w) == "" {
			return fmt.Errorf("words that are none")
		}
	}
	return nil
}

// isVerdict tells whether there is such a verdict.
func isVerdict(text string) bool {
	if text == Refused || text == Served || text == Quarantined {
		return true
	}
	for _, phase := range abi.Phases() {
		if text == failsIn+phase.String() {
			return true
		}
	}
	return false
}

// files is the corpus that comes with the command.
func files() fs.FS { return hostile.Files }
