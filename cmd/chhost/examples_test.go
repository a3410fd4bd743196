package main

import (
	"bytes"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/urfave/cli/v2"
)

// examples are the commands that the help of a command shows, by what is typed for it:
// its indented lines that have a command in them.
func examples(app *cli.App) map[string][]string {
	shown := map[string][]string{}
	for todo := app.Commands; len(todo) > 0; todo = todo[1:] {
		for line := range strings.Lines(todo[0].Description) {
			text, indented := strings.CutPrefix(line, "   ")
			if indented && (strings.Contains(text, "chhost ") || strings.HasPrefix(text, "openssl ")) {
				shown[nameOf(todo[0])] = append(shown[nameOf(todo[0])], strings.TrimSpace(text))
			}
		}
		todo = append(todo, todo[0].Subcommands...)
	}
	return shown
}

// Every command that does something shows how, and takes what it shows.
func TestExamples(t *testing.T) {
	var done []string
	noted := func() *cli.App { // which does nothing, and notes what it was to do
		app := newApp(nil, strings.NewReader(""), io.Discard, io.Discard)
		for todo := app.Commands; len(todo) > 0; todo = append(todo[1:], todo[0].Subcommands...) {
			todo[0].Action = func(c *cli.Context) error {
				done = append(done, nameOf(c.Command))
				return nil
			}
		}
		return app
	}
	shown := examples(noted())
	for todo := noted().Commands; len(todo) > 0; todo = append(todo[1:], todo[0].Subcommands...) {
		if name := nameOf(todo[0]); len(todo[0].Subcommands) == 0 && len(shown[name]) == 0 {
			t.Errorf("the help of chhost %s has no example", name)
		}
	}
	dir := t.TempDir()
	for name, lines := range shown {
		for _, line := range lines {
			done = nil
			for _, args := range taken(t, dir, line) {
				app := noted()
				args, err := arrange(app, args)
				if err == nil {
					err = app.Run(args)
				}
				if err != nil {
					t.Errorf("%s: %v", line, err)
				}
			}
			serves := slices.Equal(done, []string{"serve"}) // what the example after it needs
			if !slices.Contains(done, name) && !serves && !strings.HasPrefix(line, "openssl ") {
				t.Errorf("%s is an example of %s, and runs %q", line, name, done)
			}
		}
	}
}

// taken has a shell take a line apart, and returns the arguments of each chhost in it.
func taken(t *testing.T, dir, line string) [][]string {
	t.Helper()
	const aside = `touch token session.txt
notes() { printf '%s\n' "$@" '' >&9; }
chhost() { notes chhost "$@"; }
pgrep() { echo 1; }
mkdir() { :; }; tar() { :; }; openssl() { :; }
`
	shell := exec.Command("sh", "-c", "exec 9>&2\n"+aside+line)
	var notes bytes.Buffer
	shell.Dir, shell.Stderr = dir, &notes
	if err := shell.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, notes.String())
	}
	var all [][]string
	for _, one := range strings.Split(strings.TrimSpace(notes.String()), "\n\n") {
		if one != "" {
			all = append(all, strings.Split(one, "\n"))
		}
	}
	return all
}

// The command example NAME N does what the Nth example in the help of chhost NAME shows,
// with the addresses of the host that runs. What goes on by itself goes on until it has
// begun.
func example(ts *testscript.TestScript, neg bool, args []string) {
	n, err := strconv.Atoi(args[len(args)-1])
	ts.Check(err)
	name := strings.Join(args[:len(args)-1], " ")
	shown := examples(newApp(nil, nil, nil, nil))[name]
	if n < 1 || n > len(shown) {
		ts.Fatalf("the help of chhost %s has %d examples", name, len(shown))
	}
	s, line := stateOf(ts), shown[n-1]
	if s.examples == nil {
		s.examples = make(map[string]bool)
	}
	s.examples[name+" "+args[len(args)-1]] = true
	ts.Logf("$ %s", line)
	address := ts.Getenv("ADDRESS")
	line = strings.NewReplacer("ws://localhost:4000", "ws://"+address, "http://127.0.0.1:4000", "http://"+address).Replace(line)
	before, last := "", line
	if i := strings.LastIndex(line, "&& "); i >= 0 {
		before, last = line[:i]+"&& :", line[i+3:]
	}
	begun, flags := lasting(last)
	if begun == "" {
		err = ts.Exec("sh", "-c", line)
		if (err != nil) != neg {
			ts.Fatalf("%s: %v", line, err)
		}
		return
	}
	ts.Check(ts.Exec("sh", "-c", before))
	p := begin(ts, ts.MkAbs("."), []string{"CHHOST_SERVER=" + ts.Getenv("CHHOST_SERVER")}, "sh", "-c", "exec "+last+flags)
	p.wait(ts, begun)
	p.end(ts)
}

// lasting says of a command that goes on until it is interrupted which line it writes
// when it has begun, and with which more flags it takes a free port.
func lasting(line string) (begun, flags string) {
	switch {
	case strings.HasPrefix(line, "chhost serve ") && strings.Contains(line, "--data"):
		return "the admin API is at", " --addr 127.0.0.1:0 --admin-addr 127.0.0.1:0"
	case serves.MatchString(line):
		return "http://", " --addr 127.0.0.1:0"
	case strings.HasPrefix(line, "chhost tail ") && !strings.Contains(line, "--count"):
		return "^joined ", ""
	case strings.HasPrefix(line, "chhost logs ") && strings.Contains(line, " -f"):
		return "deployed", ""
	}
	return "", ""
}

// The command every-example [NAME N...] expects that all examples of all helps were
// done, but for those that are named.
func everyExample(ts *testscript.TestScript, _ bool, args []string) {
	s := stateOf(ts)
	left := make(map[string]bool)
	for _, name := range args {
		left[name] = true
	}
	shown := examples(newApp(nil, nil, nil, nil))
	for _, name := range slices.Sorted(maps.Keys(shown)) {
		for i, line := range shown[name] {
			which := name + " " + strconv.Itoa(i+1)
			if s.examples[which] == left[which] {
				ts.Fatalf("example %s, %s: done %t, left out %t", which, line, s.examples[which], left[which])
			}
		}
	}
}
