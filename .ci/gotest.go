//go:build ignore

// Command gotest prints the events of `go test -json` as `go test` without -v
// prints them, and appends one line for each skipped test, with the reason, to
// the file named by its first argument, because a skipped test is otherwise invisible,
// and one for each failed test to that named by its second, because who is shown only
// the end of a long output does not see which one failed.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// event is a line of `go test -json`; see `go doc test2json`.
type event struct {
	Action, Package, Test, Output, FailedBuild string
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go test -json ./... | gotest SKIPPED-FILE FAILED-FILE")
		os.Exit(2)
	}
	var files [2]*os.File
	for i := range files {
		f, err := os.OpenFile(os.Args[1+i], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		exitIf(err)
		files[i] = f
	}
	exitIf(render(os.Stdin, os.Stdout, files[0], files[1]))
	for _, f := range files {
		exitIf(f.Close())
	}
}

func exitIf(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(1)
	}
}

// render copies what a reader wants to see of the events. The output of a test
// is held back until it is known whether the test failed.
func render(in io.Reader, out, skipped, failed io.Writer) error {
	held := map[string]map[string]string{} // package, test: output
	reader := bufio.NewReader(in)
	for {
		line, err := reader.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil {
				io.WriteString(out, line) // the go command's own words
			} else {
				e.render(held, out, skipped, failed)
			}
		}
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (e event) render(held map[string]map[string]string, out, skipped, failed io.Writer) {
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
			fmt.Fprintf(skipped, "%s %s: %s\n", e.Package, e.Test, cmp.Or(reason(tests[e.Test]), "it does not say why"))
		}
		delete(tests, e.Test)
	case "pass":
		delete(tests, e.Test)
	case "fail":
		if e.Test != "" {
			io.WriteString(out, tests[e.Test])
			e.fail(failed, tests[e.Test])
			delete(tests, e.Test)
			return
		}
		if e.FailedBuild != "" {
			fmt.Fprintf(failed, "%s: does not build\n", e.Package)
		}
		// Whatever is left was running when the package's process died.
		for test, output := range tests {
			if test != "" {
				io.WriteString(out, output)
				event{Package: e.Package, Test: test}.fail(failed, output)
			}
		}
		delete(held, e.Package)
	}
}

// fail writes which test failed, and what it said. One that says nothing is that of a
// subtest that does.
func (e event) fail(failed io.Writer, output string) {
	if why := reason(output); why != "" {
		fmt.Fprintf(failed, "%s %s: %.400s\n", e.Package, e.Test, why)
	}
}

// reason is what a test said when it skipped itself, or failed.
func reason(output string) string {
	var said []string
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if _, text, ok := strings.Cut(line, ".go:"); ok {
			if _, text, ok := strings.Cut(text, ": "); ok {
				line = text
			}
		} else if strings.HasPrefix(line, "--- ") || line == "FAIL" || strings.HasPrefix(line, "FAIL\t") {
			continue
		}
		if line != "" {
			said = append(said, line)
		}
	}
	return strings.Join(said, " ")
}
