package main

import (
	"bufio"
	"io"
	"os/exec"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/rogpeppe/go-internal/testscript"
)

// The command transcript runs chhost console ARGS and types the lines of FILE that
// begin with a prompt. What each answers has to be what stands below it. Lines
// that begin with "$ cp" copy a file at that moment, and those with "# " say why.
//
//	transcript FILE ARGS...
func transcript(ts *testscript.TestScript, neg bool, args []string) {
	cmd := exec.Command(stateOf(ts).command, append([]string{"console"}, args[1:]...)...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), environ(ts)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	ts.Check(err)
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() { _ = cmd.Process.Kill() })

	want := ts.ReadFile(args[0])
	got, err := typed(stdin, bufio.NewReader(stdout), want, func(from, to string) {
		ts.Check(ts.Exec("cp", ts.MkAbs(from), ts.MkAbs(to)))
	})
	ts.Check(err)
	err = cmd.Wait()
	ts.Logf("%s", stderr.String())
	if got != want {
		ts.Fatalf("%s", diff.Diff("expected", []byte(want), "the console", []byte(got)))
	}
	if (err != nil) != neg {
		ts.Fatalf("the console ended with %v", err)
	}
}

const typedPrompt = "chhost> "

// typed types a session and returns what it was in truth.
func typed(in io.WriteCloser, out *bufio.Reader, session string, cp func(from, to string)) (string, error) {
	var got strings.Builder
	for text := range strings.Lines(session) {
		line := strings.TrimRight(text, "\n")
		switch {
		case strings.HasPrefix(line, "$ cp "):
			files := strings.Fields(line)
			cp(files[2], files[3])
			got.WriteString(text)
		case strings.HasPrefix(line, typedPrompt):
			answer, err := ask(in, out, strings.TrimPrefix(line, typedPrompt))
			if err != nil {
				return got.String() + answer, err
			}
			got.WriteString(answer)
		case line == "", strings.HasPrefix(line, "# "):
			got.WriteString(text)
		}
	}
	return got.String(), in.Close()
}

// ask types a line and returns its echo and the answer. That the answer is
// complete shows in the echo of the comment behind it.
func ask(in io.Writer, out *bufio.Reader, line string) (answer string, err error) {
	if _, err := io.WriteString(in, line+"\n#\n"); err != nil {
		return "", err
	}
	for {
		text, err := out.ReadString('\n')
		if text == typedPrompt+"#\n" || err != nil {
			return answer, err
		}
		answer += text
	}
}
