//go:build ignore

// Command gotest prints the events of `go test -json` as `go test` without -v
// prints them, and appends one line for each skipped test, with the reason, to
// the file named by its argument: a skipped test is otherwise invisible.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// event is a line of `go test -json`; see `go doc test2json`.
type event struct {
	Action, Package, Test, Output string
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go test -json ./... | gotest SKIPPED-FILE")
		os.Exit(2)
	}
	skipped, err := os.OpenFile(os.Args[1], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		err = render(os.Stdin, os.Stdout, skipped)
	}
	if err == nil {
		err = skipped.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(1)
	}
}

// render copies what a reader wants to see of the events. The output of a test
// is held back until it is known whether the test failed.
func render(in io.Reader, out, skipped io.Writer) error {
	held := map[string]map[string]string{} // package, test: output
	reader := bufio.NewReader(in)
	for {
		line, err := reader.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil {
				io.WriteString(out, line) // the go command's own words
			} else {
				e.render(held, out, skipped)
			}
		}
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (e event) render(held map[string]map[string]string, out, skipped io.Writer) {
	tests := held[e.Package]
	if tests == nil {
		tests = map[string]string{}
		held[e.Package] = tests
	}
	switch e.Action {
	case "build-output":
		io.WriteString(out, e.Output)
	case "output":
		if e.Test == "" && e.Output != "PASS\n" {
			io.WriteString(out, e.Output)
		} else if !strings.HasPrefix(e.Output, "=== ") {
			tests[e.Test] += e.Output
		}
	case "skip":
		if e.Test != "" {
			fmt.Fprintf(skipped, "%s %s: %s\n", e.Package, e.Test, reason(tests[e.Test]))
		}
		delete(tests, e.Test)
	case "pass":
		delete(tests, e.Test)
	case "fail":
		if e.Test != "" {
			io.WriteString(out, tests[e.Test])
			delete(tests, e.Test)
			return
		}
		// Whatever is left was running when the package's process died.
		for test, output := range tests {
			if test != "" {
				io.WriteString(out, output)
			}
		}
		delete(held, e.Package)
	}
}

// reason is what a test said when it skipped itself.
func reason(output string) string {
	var said []string
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if _, text, ok := strings.Cut(line, ".go:"); ok {
			if _, text, ok := strings.Cut(text, ": "); ok {
				line = text
			}
		} else if strings.HasPrefix(line, "--- SKIP") {
			continue
		}
		if line != "" {
			said = append(said, line)
		}
	}
	if len(said) == 0 {
		return "it does not say why"
	}
	return strings.Join(said, " ")
}
